select
    item.item_id,
    item.unit,
    item.account,
    item.cp_own,
    item.party_own,
    used.first_m,
    used.last_m,
    used.n
from (
    select
        item_id,
        min(m) as first_m,
        max(m) as last_m,
        count(*) as n
    from {{ ref("findings_row") }}
    group by item_id
) as used
inner join {{ ref("findings_item") }} as item
    on used.item_id = item.item_id
where item.line not in ('balance', '')
