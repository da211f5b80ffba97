select
    party,
    cp
from (
    select
        party_own as party,
        cp_own as cp,
        row_number() over (partition by party_own order by sum(n) desc, cp_own asc) as place
    from {{ ref("findings_item_use") }}
    where party_own <> '' and cp_own <> ''
    group by party_own, cp_own
) as ranked
where place = 1
