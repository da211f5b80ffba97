select
    load_id,
    row_number() over (order by load_id) as load_no
from {{ ref("fct_ledger_line") }}
group by load_id
