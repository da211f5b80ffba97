-- Where neither row nor party says, the counterparty that nearly all rows of the unit and account have.
with account_cp as (
    select
        unit,
        account,
        cp
    from (
        select
            unit,
            account,
            cp_own as cp,
            sum(n) as times,
            sum(sum(n)) over (partition by unit, account) as of_all,
            row_number() over (partition by unit, account order by sum(n) desc, cp_own asc) as place
        from {{ ref("findings_item_use") }}
        where cp_own <> ''
        group by unit, account, cp_own
    ) as ranked
    where place = 1 and times >= 0.8 * of_all
),

placed as (
    select
        used.item_id,
        coalesce(heir.new_unit, used.unit) as unit,
        used.account,
        item.line,
        item.internal,
        item.stem,
        used.party_own,
        coalesce(nullif(used.cp_own, ''), party_cp.cp, account_cp.cp, '') as cp
    from {{ ref("findings_item_use") }} as used
    inner join {{ ref("findings_item") }} as item
        on used.item_id = item.item_id
    left join {{ ref("findings_party_cp") }} as party_cp
        on used.party_own = party_cp.party
    left join account_cp
        on used.unit = account_cp.unit and used.account = account_cp.account
    left join {{ ref("findings_unit_heir") }} as heir
        on used.unit = heir.old_unit
)

select
    placed.*,
    min(item_id) over (partition by unit, account) as place_id
from placed
