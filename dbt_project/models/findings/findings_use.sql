select
    keys.unit,
    keys.account,
    keys.line,
    keys.cp,
    keys.party,
    keys.internal,
    keys.interim,
    cell.m,
    cell.n,
    cell.amount
from {{ ref("findings_cell") }} as cell
inner join {{ ref("findings_key") }} as keys
    on cell.key_id = keys.key_id
