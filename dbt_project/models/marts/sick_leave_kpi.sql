{{ published() }}

-- Each hour in three groups: everybody, its sex, its age group.
with hours as (
    {% for group_code in ["'all'", "sex", "age_group"] %}
        select
            unit_code,
            period,
            {{ group_code }} as group_code,
            ordinary_hours,
            sick_hours,
            long_sick_hours
        from {{ ref("stg_derived__people_times") }}
        {% if not loop.last %}union all{% endif %}
    {% endfor %}
),

rolled_up as (
    select
        units.organisation_from,
        units.ancestor_unit_code as unit_code,
        dim_period.fiscal_year,
        dim_period.fiscal_month,
        hours.group_code,
        sum(hours.ordinary_hours) as ordinary_hours,
        sum(hours.sick_hours) as sick_hours,
        sum(hours.long_sick_hours) as long_sick_hours
    from hours
    inner join {{ ref("dim_period") }} as dim_period
        on hours.period = dim_period.period
    inner join {{ ref("int_unit_ancestor_year") }} as units
        on dim_period.fiscal_year = units.fiscal_year and hours.unit_code = units.unit_code
    group by
        units.organisation_from, units.ancestor_unit_code, dim_period.fiscal_year, dim_period.fiscal_month, hours.group_code
),

accumulated as (
    select
        periods.report_period,
        periods.fiscal_year,
        rolled_up.unit_code,
        rolled_up.group_code,
        sum(rolled_up.ordinary_hours) as ordinary_hours,
        sum(rolled_up.sick_hours) as sick_hours,
        sum(rolled_up.long_sick_hours) as long_sick_hours
    from {{ ref("int_report_period") }} as periods
    inner join rolled_up
        on
            periods.organisation_from = rolled_up.organisation_from
            and periods.fiscal_year = rolled_up.fiscal_year
            and rolled_up.fiscal_month <= periods.fiscal_month
    group by periods.report_period, periods.fiscal_year, rolled_up.unit_code, rolled_up.group_code
),

-- The seven key figures of every unit with staff, also where a group is empty.
unit as (
    select distinct
        report_period,
        fiscal_year,
        unit_code
    from accumulated
)

select
    unit.report_period,
    unit.unit_code,
    cast(measures.measure_order as integer) as measure_order,
    measures.measure,
    measures.measure_name,
    case
        when coalesce(small.is_hidden, false) then null
        when measures.part = 'sick_of_ordinary'
            then cast(100 * hours.sick_hours / nullif(hours.ordinary_hours, 0) as decimal(9, 2))
        else cast(100 * hours.long_sick_hours / nullif(hours.sick_hours, 0) as decimal(9, 2))
    end as percent,
    coalesce(small.is_hidden, false) as is_suppressed,
    measures.source
from unit
cross join {{ ref("sick_leave_measure") }} as measures
left join accumulated as hours
    on
        unit.report_period = hours.report_period
        and unit.unit_code = hours.unit_code
        and measures.group_code = hours.group_code
left join {{ ref("int_small_group") }} as small
    on
        unit.fiscal_year = small.fiscal_year
        and unit.unit_code = small.unit_code
        and measures.group_code = small.group_code
