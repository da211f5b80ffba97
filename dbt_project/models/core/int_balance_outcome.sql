-- Period balances (#PSALDO) of the loads whose outcome they are.
with balance as (
    select
        balances.load_id,
        balances.source_file,
        balances.source_row,
        scope.fiscal_year,
        balances.period,
        balances.account,
        cast(null as string) as report_line,
        balances.unit_code,
        balances.activity,
        balances.sub_activity,
        balances.project,
        balances.cost_object,
        balances.counterparty,
        cast(null as string) as budget_type,
        balances.quantity,
        balances.amount,
        balances.dimension_set,
        coalesce(loads.psaldo_dimension_set, '') as chosen_set,
        loads.psaldo_semantics as semantics
    from {{ ref("stg_raw__period_balances") }} as balances
    inner join {{ ref("int_load_scope") }} as scope
        on
            balances.load_id = scope.load_id
            and balances.period = scope.period
            and scope.entity = 'period_balance'
            and scope.is_active
    inner join {{ ref("stg_raw__loads") }} as loads
        on balances.load_id = loads.load_id
),

{{ counted_balances("balance") }}

select
    load_id,
    source_file,
    source_row,
    'PSALDO' as outcome_from,
    period,
    fiscal_year,
    account,
    unit_code,
    activity,
    sub_activity,
    project,
    cost_object,
    counterparty,
    amount,
    quantity
from counted
union all
-- Year balances (#RES) of the years that nothing finer covers.
select
    balances.load_id,
    balances.source_file,
    balances.source_row,
    'RES' as outcome_from,
    scope.period,
    scope.fiscal_year,
    balances.account,
    balances.unit_code,
    balances.activity,
    balances.sub_activity,
    balances.project,
    balances.cost_object,
    balances.counterparty,
    balances.amount,
    balances.quantity
from {{ ref("stg_raw__year_balances") }} as balances
inner join {{ ref("int_load_scope") }} as scope
    on
        balances.load_id = scope.load_id
        and scope.entity = 'year_balance'
        and scope.is_active
        and scope.covers_from
        = {{ period_name("extract(year from balances.year_start)", "extract(month from balances.year_start)") }}
where balances.label = 'RES' and balances.dimension_set = ''
