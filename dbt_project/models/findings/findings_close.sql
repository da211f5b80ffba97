-- The newest reported month, with the defaults of expectations/rules.py.
select
    cast({{ month_number_of_period("max(report_period)") }} as integer) as as_of_m,
    cast({{ month_number_of_period("max(report_period)") }} - 48 as integer) as first_m,
    cast(null as date) as known_on,
    cast(500 as double) as duplicate_minimum,
    cast({{ fiscal_year_start() }} - 1 as integer) as fiscal_start
from {{ ref("int_report_period") }}
