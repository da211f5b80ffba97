select
    row_number() over (order by unit, account, line, internal, cp_own, party_own, stem) as item_id,
    unit,
    account,
    line,
    internal,
    cp_own,
    party_own,
    stem
from (
    select distinct
        ledger.unit,
        ledger.account,
        ledger.line,
        ledger.internal,
        ledger.cp_own,
        ledger.party_own,
        case when ledger.line in ('balance', '') then '' else coalesce(text.stem, '') end as stem
    from {{ ref("findings_ledger") }} as ledger
    left join {{ ref("findings_text") }} as text
        on ledger.txt = text.txt
) as item
