-- 1. Every period of every accepted load that holds amounts, and how good the load is for it (precedence, 1 the best).
with load_entity as (
    select
        loads.load_id,
        loads.source,
        loads.scope,
        loads.kind,
        loads.sequence,
        loads.outcome_from,
        entities.entity,
        entities.period_from,
        entities.period_to
    from {{ ref("stg_raw__load_entities") }} as entities
    inner join {{ ref("stg_raw__loads") }} as loads
        on entities.load_id = loads.load_id
),

covered as (
    select
        load_entity.load_id,
        load_entity.source,
        load_entity.scope,
        load_entity.kind,
        load_entity.sequence,
        load_entity.outcome_from,
        load_entity.entity,
        dim_period.period,
        dim_period.fiscal_year,
        max(dim_period.fiscal_year) over (partition by load_entity.load_id, load_entity.entity) as own_fiscal_year
    from load_entity
    inner join {{ ref("dim_period") }} as dim_period
        on dim_period.period between load_entity.period_from and load_entity.period_to
    where load_entity.entity in ('ledger_line', 'period_balance', 'budget_line')
),

monthly_candidate as (
    select
        load_id,
        source,
        scope,
        sequence,
        entity,
        period,
        fiscal_year,
        'outcome' as amount_type,
        case
            when entity = 'ledger_line' and coalesce(outcome_from, '') not in ('PSALDO', 'RES') then 1
            when entity = 'period_balance' and outcome_from = 'PSALDO' and fiscal_year = own_fiscal_year then 1
            when entity = 'period_balance' then 2
            -- vouchers of a file whose outcome is taken from its balances
            else 9
        end as precedence
    from covered
    where entity in ('ledger_line', 'period_balance')
    union all
    select
        load_id,
        source,
        scope,
        sequence,
        entity,
        period,
        fiscal_year,
        'budget' as amount_type,
        case when kind = 'budget' then 1 else 2 end as precedence
    from covered
    where entity = 'budget_line'
),

-- 2. Comparative figures (precedence 2: earlier years in a balance file, the budget inside a ledger file) count only where no
--    load speaks for the period, or for a budget the year, itself: in any source, or the same money would be counted twice.
own_period as (
    select
        amount_type,
        period,
        max(load_id) as load_id
    from monthly_candidate
    where amount_type = 'outcome' and precedence = 1
    group by amount_type, period
    union all
    select
        candidate.amount_type,
        dim_period.period,
        max(candidate.load_id) as load_id
    from monthly_candidate as candidate
    inner join {{ ref("dim_period") }} as dim_period
        on candidate.fiscal_year = dim_period.fiscal_year
    where candidate.amount_type = 'budget' and candidate.precedence = 1
    group by candidate.amount_type, dim_period.period
),

monthly_ranked as (
    select
        candidate.*,
        case
            when candidate.precedence = 1 or (candidate.precedence = 2 and own_period.period is null) then row_number() over (
                partition by candidate.amount_type, candidate.scope, candidate.period
                order by candidate.precedence, candidate.sequence desc, candidate.load_id, candidate.entity
            )
        end as place,
        case
            when candidate.precedence = 2 and own_period.load_id is not null then own_period.load_id
            else first_value(candidate.load_id) over (
                partition by candidate.amount_type, candidate.scope, candidate.period
                order by candidate.precedence, candidate.sequence desc, candidate.load_id, candidate.entity
            )
        end as best_load_id
    from monthly_candidate as candidate
    left join own_period
        on candidate.amount_type = own_period.amount_type and candidate.period = own_period.period
),

-- 3. Year balances (RES): one amount in the last month that the load covers of the year, where nothing finer exists in it.
year_candidate as (
    select
        balances.load_id,
        load_entity.source,
        load_entity.scope,
        load_entity.sequence,
        min(dim_period.period) as covers_from,
        max(dim_period.period) as period,
        max(dim_period.fiscal_year) as fiscal_year,
        max(load_entity.period_to) as load_period_to
    from (
        select distinct
            load_id,
            year_start,
            year_end
        from {{ ref("stg_raw__year_balances") }}
        where label = 'RES'
    ) as balances
    inner join load_entity
        on balances.load_id = load_entity.load_id and load_entity.entity = 'year_balance'
    inner join {{ ref("dim_period") }} as dim_period
        on
            dim_period.last_day >= balances.year_start
            and dim_period.first_day <= balances.year_end
            and dim_period.period <= load_entity.period_to
    group by
        balances.load_id, balances.year_start, load_entity.source, load_entity.scope,
        load_entity.sequence
),

year_ranked as (
    select
        candidate.load_id,
        candidate.source,
        candidate.scope,
        candidate.sequence,
        candidate.covers_from,
        candidate.period,
        candidate.fiscal_year,
        max(case
            when
                monthly.place = 1
                and (monthly.source = candidate.source or candidate.period < candidate.load_period_to)
                then monthly.load_id
        end) as finer_load_id,
        row_number() over (
            partition by candidate.scope, candidate.fiscal_year
            order by candidate.sequence desc, candidate.load_id
        ) as place,
        first_value(candidate.load_id) over (
            partition by candidate.scope, candidate.fiscal_year
            order by candidate.sequence desc, candidate.load_id
        ) as best_load_id
    from year_candidate as candidate
    left join monthly_ranked as monthly
        on
            monthly.amount_type = 'outcome'
            and monthly.period between candidate.covers_from and candidate.period
    group by
        candidate.load_id, candidate.source, candidate.scope, candidate.sequence, candidate.covers_from,
        candidate.period, candidate.fiscal_year
),

-- 4. Forecasts: one round is one version; a newer file of the same round and year replaces the older.
forecast_ranked as (
    select
        rounds.load_id,
        loads.source,
        loads.sequence,
        rounds.forecast_round,
        rounds.fiscal_year,
        row_number() over (
            partition by loads.scope, rounds.forecast_round, rounds.fiscal_year
            order by loads.sequence desc, loads.load_id
        ) as place,
        first_value(rounds.load_id) over (
            partition by loads.scope, rounds.forecast_round, rounds.fiscal_year
            order by loads.sequence desc, loads.load_id
        ) as best_load_id
    from (
        select distinct
            load_id,
            forecast_round,
            fiscal_year
        from {{ ref("stg_raw__forecast_lines") }}
    ) as rounds
    inner join {{ ref("stg_raw__loads") }} as loads
        on rounds.load_id = loads.load_id
),

all_scopes as (
    select
        load_id,
        source,
        entity,
        amount_type,
        amount_type as version,
        period,
        period as covers_from,
        fiscal_year,
        sequence,
        coalesce(place = 1, false) as is_active,
        best_load_id
    from monthly_ranked
    union all
    select
        load_id,
        source,
        'year_balance' as entity,
        'outcome' as amount_type,
        'outcome' as version,
        period,
        covers_from,
        fiscal_year,
        sequence,
        place = 1 and finer_load_id is null as is_active,
        coalesce(finer_load_id, best_load_id) as best_load_id
    from year_ranked
    union all
    select
        load_id,
        source,
        'forecast_line' as entity,
        'forecast' as amount_type,
        forecast_round as version,
        cast(null as string) as period,
        cast(null as string) as covers_from,
        fiscal_year,
        sequence,
        place = 1 as is_active,
        best_load_id
    from forecast_ranked
)

select
    load_id,
    source,
    entity,
    amount_type,
    version,
    period,
    covers_from,
    cast(fiscal_year as integer) as fiscal_year,
    sequence,
    is_active,
    case when not is_active then best_load_id end as superseded_by_load_id
from all_scopes
