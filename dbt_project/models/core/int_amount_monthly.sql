select
    amount_type,
    version,
    fiscal_year,
    period,
    unit_code,
    report_line,
    cast(sum(amount) as decimal(18, 2)) as amount,
    count(*) as row_count
from {{ ref("int_amount") }}
group by amount_type, version, fiscal_year, period, unit_code, report_line
