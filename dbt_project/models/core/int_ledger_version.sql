with spoken as (
    select
        scope.load_id,
        scope.period,
        loads.scope,
        scope.sequence,
        loads.delivery,
        scope.is_active,
        min(loads.delivery) over (partition by loads.source, scope.period) as first_delivery,
        max(case when scope.is_active then 1 else 0 end) over (partition by loads.scope, scope.period) as is_in_force
    from {{ ref("int_load_scope") }} as scope
    inner join {{ ref("stg_raw__loads") }} as loads
        on scope.load_id = loads.load_id
    where scope.entity = 'ledger_line' and coalesce(loads.outcome_from, '') not in ('PSALDO', 'RES')
),

-- What spoke for a month first is the month as it was closed, also where history was delivered long afterwards.
dated as (
    select
        load_id,
        period,
        scope,
        sequence,
        is_active,
        case when delivery = first_delivery then period else delivery end as known_from
    from spoken
    where is_in_force = 1
)

select
    load_id,
    period,
    is_active,
    known_from,
    lead(known_from) over (partition by scope, period order by sequence, load_id) as known_until
from dated
