{{ published() }}

with rolled_up as (
    select
        units.organisation_from,
        units.ancestor_unit_code as unit_code,
        dim_period.fiscal_year,
        dim_period.fiscal_month,
        sum(staff.planned_fte) as planned_fte,
        sum(staff.filled_fte) as filled_fte,
        sum(staff.worked_fte) as worked_fte,
        sum(staff.employees) as employees
    from {{ ref("stg_derived__people_months") }} as staff
    inner join {{ ref("dim_period") }} as dim_period
        on staff.period = dim_period.period
    inner join {{ ref("int_unit_ancestor_year") }} as units
        on dim_period.fiscal_year = units.fiscal_year and staff.unit_code = units.unit_code
    group by units.organisation_from, units.ancestor_unit_code, dim_period.fiscal_year, dim_period.fiscal_month
),

accumulated as (
    select
        periods.report_period,
        periods.fiscal_year,
        periods.fiscal_month,
        rolled_up.unit_code,
        {% for measure in ["planned_fte", "filled_fte", "worked_fte"] %}
            sum(case when rolled_up.fiscal_month = periods.fiscal_month then rolled_up.{{ measure }} else 0 end) as {{ measure }},
            sum(rolled_up.{{ measure }}) as {{ measure }}_period,
        {% endfor %}
        sum(case when rolled_up.fiscal_month = periods.fiscal_month then rolled_up.employees else 0 end) as employees
    from {{ ref("int_report_period") }} as periods
    inner join rolled_up
        on
            periods.organisation_from = rolled_up.organisation_from
            and periods.fiscal_year = rolled_up.fiscal_year
            and rolled_up.fiscal_month <= periods.fiscal_month
    group by periods.report_period, periods.fiscal_year, periods.fiscal_month, rolled_up.unit_code
)

select
    accumulated.report_period,
    accumulated.unit_code,
    cast(accumulated.employees as integer) as employees,
    cast(accumulated.planned_fte as decimal(18, 4)) as planned_fte,
    cast(accumulated.filled_fte as decimal(18, 4)) as filled_fte,
    case when not coalesce(small.is_hidden, false) then cast(accumulated.worked_fte as decimal(18, 4)) end as worked_fte,
    cast(accumulated.planned_fte - accumulated.filled_fte as decimal(18, 4)) as vacancy_fte,
    cast((accumulated.planned_fte - accumulated.filled_fte) / nullif(accumulated.planned_fte, 0) as decimal(18, 4))
        as vacancy_share,
    cast(accumulated.planned_fte_period / accumulated.fiscal_month as decimal(18, 4)) as planned_fte_average,
    cast(accumulated.filled_fte_period / accumulated.fiscal_month as decimal(18, 4)) as filled_fte_average,
    case
        when not coalesce(small.is_hidden, false)
            then cast(accumulated.worked_fte_period / accumulated.fiscal_month as decimal(18, 4))
    end as worked_fte_average,
    cast(-follow_up.outcome_period * 12 / nullif(accumulated.filled_fte_period, 0) as decimal(18, 2)) as cost_per_fte,
    coalesce(small.is_hidden, false) as is_suppressed
from accumulated
left join {{ ref("int_small_group") }} as small
    on
        accumulated.fiscal_year = small.fiscal_year
        and accumulated.unit_code = small.unit_code
        and small.group_code = 'all'
left join {{ ref("follow_up") }} as follow_up
    on
        accumulated.report_period = follow_up.report_period
        and accumulated.unit_code = follow_up.unit_code
        and follow_up.report_line = 'personnel'
