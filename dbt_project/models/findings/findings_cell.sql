select
    key_id,
    item_id,
    interim,
    ref_no,
    m,
    count(*) as n,
    cast(sum(amount) as decimal(18, 2)) as amount,
    cast(sum(case when amount > 0 then amount else 0 end) as decimal(18, 2)) as amount_plus,
    cast(sum(case when amount < 0 then -amount else 0 end) as decimal(18, 2)) as amount_minus,
    cast(sum(case when amount > 0 then 1 else 0 end) as bigint) as n_plus,
    cast(sum(case when amount < 0 then 1 else 0 end) as bigint) as n_minus,
    bool_or(is_final) as is_final,
    max(st - m) as st_offset,
    min(sf - m) as sf_offset
from {{ ref("findings_row_keyed") }}
group by key_id, item_id, interim, ref_no, m
