{{ published() }}

with rolled_up as (
    select
        units.organisation_from,
        units.ancestor_unit_code as unit_code,
        dim_period.fiscal_year,
        dim_period.fiscal_month,
        absences.cause,
        sum(absences.calendar_days) as calendar_days,
        sum(absences.absent_fte) as absent_fte,
        sum(absences.lost) as lost,
        sum(absences.paid) as paid,
        sum(absences.saved) as saved
    from {{ ref("stg_derived__people_absences") }} as absences
    inner join {{ ref("dim_period") }} as dim_period
        on absences.period = dim_period.period
    inner join {{ ref("int_unit_ancestor_year") }} as units
        on dim_period.fiscal_year = units.fiscal_year and absences.unit_code = units.unit_code
    group by
        units.organisation_from, units.ancestor_unit_code, dim_period.fiscal_year, dim_period.fiscal_month, absences.cause
),

accumulated as (
    select
        periods.report_period,
        periods.fiscal_year,
        periods.fiscal_month,
        rolled_up.unit_code,
        rolled_up.cause,
        sum(rolled_up.calendar_days) as calendar_days,
        sum(rolled_up.absent_fte) as absent_fte,
        sum(rolled_up.lost) as lost,
        sum(rolled_up.paid) as paid,
        sum(rolled_up.saved) as saved
    from {{ ref("int_report_period") }} as periods
    inner join rolled_up
        on
            periods.organisation_from = rolled_up.organisation_from
            and periods.fiscal_year = rolled_up.fiscal_year
            and rolled_up.fiscal_month <= periods.fiscal_month
    group by
        periods.report_period, periods.fiscal_year, periods.fiscal_month, rolled_up.unit_code, rolled_up.cause
),

-- A unit too small for it has one row without figures, whether anybody was absent or not.
small as (
    select
        periods.report_period,
        groups.unit_code,
        groups.is_hidden
    from {{ ref("int_report_period") }} as periods
    inner join {{ ref("int_small_group") }} as groups
        on periods.fiscal_year = groups.fiscal_year and groups.group_code = 'all'
)

select
    accumulated.report_period,
    accumulated.unit_code,
    accumulated.cause,
    cast(accumulated.calendar_days as integer) as calendar_days,
    cast(accumulated.absent_fte / accumulated.fiscal_month as decimal(18, 4)) as absent_fte,
    cast(accumulated.lost as decimal(18, 2)) as lost,
    cast(accumulated.paid as decimal(18, 2)) as paid,
    cast(accumulated.saved as decimal(18, 2)) as saved,
    false as is_suppressed
from accumulated
inner join small
    on
        accumulated.report_period = small.report_period
        and accumulated.unit_code = small.unit_code
        and not small.is_hidden
union all
select
    report_period,
    unit_code,
    'suppressed' as cause,
    cast(null as integer) as calendar_days,
    cast(null as decimal(18, 4)) as absent_fte,
    cast(null as decimal(18, 2)) as lost,
    cast(null as decimal(18, 2)) as paid,
    cast(null as decimal(18, 2)) as saved,
    true as is_suppressed
from small
where is_hidden
