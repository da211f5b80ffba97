with balance as (
    select
        lines.load_id,
        lines.source_file,
        lines.source_row,
        lines.fiscal_year,
        lines.period,
        lines.account,
        lines.report_line,
        lines.unit_code,
        lines.activity,
        lines.sub_activity,
        lines.project,
        lines.cost_object,
        lines.counterparty,
        lines.budget_type,
        cast(null as decimal(18, 4)) as quantity,
        lines.amount,
        lines.dimension_set,
        coalesce(loads.pbudget_dimension_set, '') as chosen_set,
        loads.pbudget_semantics as semantics
    from {{ ref("stg_raw__budget_lines") }} as lines
    inner join {{ ref("stg_raw__loads") }} as loads
        on lines.load_id = loads.load_id
),

{{ counted_balances("balance") }},

-- A row without a month is spread in twelfths to the öre; the last month takes what is left over.
monthly as (
    select
        counted.*,
        dim_period.period as counted_period,
        dim_period.fiscal_year as counted_fiscal_year,
        counted.period is null as is_spread_flat,
        case
            when counted.period is not null then counted.amount
            when dim_period.fiscal_month < 12 then {{ twelfth("counted.amount") }}
            else cast(counted.amount - 11 * {{ twelfth("counted.amount") }} as decimal(18, 2))
        end as counted_amount
    from counted
    inner join {{ ref("dim_period") }} as dim_period
        on
            counted.period = dim_period.period
            or (counted.period is null and counted.fiscal_year = dim_period.fiscal_year)
)

select
    monthly.load_id,
    monthly.source_file,
    monthly.source_row,
    monthly.counted_period as period,
    monthly.counted_fiscal_year as fiscal_year,
    monthly.account,
    monthly.report_line,
    monthly.unit_code,
    monthly.activity,
    monthly.project,
    monthly.counterparty,
    monthly.budget_type,
    cast(monthly.counted_amount as decimal(18, 2)) as amount,
    monthly.is_spread_flat
from monthly
inner join {{ ref("int_load_scope") }} as scope
    on
        monthly.load_id = scope.load_id
        and monthly.counted_period = scope.period
        and scope.entity = 'budget_line'
        and scope.is_active
