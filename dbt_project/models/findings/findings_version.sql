-- The newest close knows what counts now.
select distinct
    loads.load_no,
    {{ month_number_of_period("lines.period") }} as m
from {{ ref("fct_ledger_line") }} as lines
inner join {{ ref("findings_load") }} as loads
    on lines.load_id = loads.load_id and lines.source_file = loads.source_file
