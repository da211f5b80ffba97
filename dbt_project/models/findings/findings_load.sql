select
    load_id,
    source_file,
    row_number() over (order by load_id, source_file) as load_no
from {{ ref("fct_ledger_line") }}
group by load_id, source_file
