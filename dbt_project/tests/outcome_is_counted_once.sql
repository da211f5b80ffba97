{{ check(
    "fct_ledger_line",
    sv="Perioden {period} i laddningen {load_id}: filens utfall är {stated_amount} kr, huvudboken i lagret har {amount_found} kr.",
    en="Period {period} of load {load_id}: the file's outcome is SEK {stated_amount}, the ledger in the warehouse has SEK {amount_found}.",
) }}

-- The outcome of each active load and period, computed from staging without the models between, is what the ledger has. Rows
-- of a period that no load speaks for fail too.
with line as (
    select
        load_id,
        period,
        count(*) as row_count,
        sum(amount) as amount
    from {{ ref("stg_raw__ledger_lines") }}
    where line_kind = 'TRANS'
    group by load_id, period
),

balance as (
    select
        balances.load_id,
        balances.period,
        balances.account,
        sum(case when balances.dimension_set = '' then balances.amount end) as without_objects,
        sum(case
            when
                balances.dimension_set <> ''
                and loads.psaldo_dimension_set in (balances.dimension_set, '*')
                then balances.amount
        end) as with_objects,
        max(loads.psaldo_semantics) as semantics
    from {{ ref("stg_raw__period_balances") }} as balances
    inner join {{ ref("stg_raw__loads") }} as loads
        on balances.load_id = loads.load_id
    group by balances.load_id, balances.period, balances.account
),

stated as (
    select
        line.load_id,
        line.period,
        line.amount,
        line.row_count,
        coalesce(scope.is_active, true) as is_counted
    from line
    left join {{ ref("int_load_scope") }} as scope
        on line.load_id = scope.load_id and line.period = scope.period and scope.entity = 'ledger_line'
    union all
    select
        balance.load_id,
        balance.period,
        case
            when balance.semantics = 'remainder'
                then coalesce(balance.without_objects, 0) + coalesce(balance.with_objects, 0)
            else coalesce(balance.without_objects, balance.with_objects, 0)
        end as amount,
        cast(null as bigint) as row_count,
        coalesce(scope.is_active, true) as is_counted
    from balance
    left join {{ ref("int_load_scope") }} as scope
        on balance.load_id = scope.load_id and balance.period = scope.period and scope.entity = 'period_balance'
    union all
    select
        balances.load_id,
        scope.period,
        balances.amount,
        cast(null as bigint) as row_count,
        true as is_counted
    from {{ ref("stg_raw__year_balances") }} as balances
    inner join {{ ref("dim_period") }} as dim_period
        on balances.year_end between dim_period.first_day and dim_period.last_day
    inner join {{ ref("int_load_scope") }} as scope
        on
            balances.load_id = scope.load_id
            and scope.entity = 'year_balance'
            and dim_period.fiscal_year = scope.fiscal_year
            and scope.is_active
    where balances.label = 'RES' and balances.dimension_set = ''
),

expected as (
    select
        load_id,
        period,
        sum(amount) as amount,
        sum(row_count) as row_count
    from stated
    where is_counted
    group by load_id, period
),

found as (
    select
        load_id,
        period,
        sum(amount) as amount,
        sum(case when outcome_from = 'TRANS' then 1 end) as row_count
    from {{ ref("fct_ledger_line") }}
    group by load_id, period
)

select
    coalesce(expected.load_id, found.load_id) as load_id,
    coalesce(expected.period, found.period) as period,
    coalesce(expected.amount, 0) as stated_amount,
    coalesce(found.amount, 0) as amount_found,
    expected.row_count as stated_rows,
    found.row_count as rows_found
from expected
full outer join found
    on expected.load_id = found.load_id and expected.period = found.period
where
    coalesce(expected.amount, 0) <> coalesce(found.amount, 0)
    or coalesce(expected.row_count, 0) <> coalesce(found.row_count, 0)
