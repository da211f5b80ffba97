{{ published() }}

-- 1. Every step on its own unit and on each one above, in the organisation of the report periods that need it.
with rolled_up as (
    select
        units.organisation_from,
        units.ancestor_unit_code as unit_code,
        dim_period.fiscal_year,
        dim_period.fiscal_month,
        steps.step,
        sum(steps.amount) as amount
    from {{ ref("int_personnel_step") }} as steps
    inner join {{ ref("dim_period") }} as dim_period
        on steps.period = dim_period.period
    inner join {{ ref("int_unit_ancestor_year") }} as units
        on dim_period.fiscal_year = units.fiscal_year and steps.unit_code = units.unit_code
    group by
        units.organisation_from, units.ancestor_unit_code, dim_period.fiscal_year, dim_period.fiscal_month, steps.step
),

-- 2. The month, and from the start of the fiscal year to it.
accumulated as (
    select
        periods.report_period,
        periods.fiscal_year,
        rolled_up.unit_code,
        rolled_up.step,
        sum(case when rolled_up.fiscal_month = periods.fiscal_month then rolled_up.amount else 0 end) as amount_month,
        sum(rolled_up.amount) as amount_period
    from {{ ref("int_report_period") }} as periods
    inner join rolled_up
        on
            periods.organisation_from = rolled_up.organisation_from
            and periods.fiscal_year = rolled_up.fiscal_year
            and rolled_up.fiscal_month <= periods.fiscal_month
    group by periods.report_period, periods.fiscal_year, rolled_up.unit_code, rolled_up.step
),

-- 3. In units too small for it the steps of staff and absence are one.
told as (
    select
        accumulated.report_period,
        accumulated.unit_code,
        coalesce(case when small.is_hidden then steps.merged_step end, accumulated.step) as step,
        sum(accumulated.amount_month) as amount_month,
        sum(accumulated.amount_period) as amount_period
    from accumulated
    inner join {{ ref("bridge_step") }} as steps
        on accumulated.step = steps.step
    left join {{ ref("int_small_group") }} as small
        on
            accumulated.fiscal_year = small.fiscal_year
            and accumulated.unit_code = small.unit_code
            and small.group_code = 'all'
    group by
        accumulated.report_period, accumulated.unit_code,
        coalesce(case when small.is_hidden then steps.merged_step end, accumulated.step)
    union all
    select
        accumulated.report_period,
        accumulated.unit_code,
        'net_staffing' as step,
        sum(accumulated.amount_month) as amount_month,
        sum(accumulated.amount_period) as amount_period
    from accumulated
    group by accumulated.report_period, accumulated.unit_code
),

-- 4. A unit with HR data has every step, also those of no amount; one without has what HR data cannot tell.
unit as (
    select
        told.report_period,
        told.unit_code,
        coalesce(small.is_hidden, false) as is_hidden,
        max(case when told.step = 'budget_rest' then 1 else 0 end) as has_hr_data
    from told
    inner join {{ ref("int_report_period") }} as periods
        on told.report_period = periods.report_period
    left join {{ ref("int_small_group") }} as small
        on
            periods.fiscal_year = small.fiscal_year
            and told.unit_code = small.unit_code
            and small.group_code = 'all'
    group by told.report_period, told.unit_code, coalesce(small.is_hidden, false)
),

shown as (
    select
        unit.report_period,
        unit.unit_code,
        unit.is_hidden,
        steps.step,
        steps.step_order,
        steps.step_name,
        steps.is_memo
    from unit
    cross join {{ ref("bridge_step") }} as steps
    where
        steps.is_memo
        or (
            unit.has_hr_data = 1
            and steps.step <> 'no_hr_data'
            and (case when unit.is_hidden then steps.merged_step is null else steps.step <> 'staffing' end)
        )
    union all
    select
        told.report_period,
        told.unit_code,
        false as is_hidden,
        steps.step,
        steps.step_order,
        steps.step_name,
        steps.is_memo
    from told
    inner join {{ ref("bridge_step") }} as steps
        on told.step = steps.step
    where told.step = 'no_hr_data'
)

select
    shown.report_period,
    shown.unit_code,
    cast(shown.step_order as integer) as step_order,
    shown.step,
    shown.step_name,
    cast(coalesce(told.amount_month, 0) as decimal(18, 2)) as amount_month,
    cast(coalesce(told.amount_period, 0) as decimal(18, 2)) as amount_period,
    shown.is_memo,
    shown.is_hidden and shown.step = 'staffing' as is_suppressed
from shown
left join told
    on
        shown.report_period = told.report_period
        and shown.unit_code = told.unit_code
        and shown.step = told.step
