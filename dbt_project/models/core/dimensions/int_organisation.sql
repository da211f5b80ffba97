-- The organisation as it was at the end of each month in which it had changed.
with latest_change as (
    select
        dim_period.period,
        max(units.valid_from) as organisation_from
    from {{ ref("dim_period") }} as dim_period
    inner join {{ ref("dim_unit") }} as units
        on units.valid_from <= dim_period.last_day
    group by dim_period.period
),

organisation_start as (
    select distinct organisation_from
    from latest_change
),

organisation as (
    select
        organisation_from,
        coalesce(
            {{ day_before("lead(organisation_from) over (order by organisation_from)") }},
            cast('9999-12-31' as date)
        ) as organisation_to
    from organisation_start
),

-- A unit that has been closed keeps its last place; one that is not open yet gets its first.
placed as (
    select
        organisation.organisation_from,
        organisation.organisation_to,
        units.unit_code,
        units.unit_name,
        units.parent_unit_code,
        units.is_in_organisation,
        row_number() over (
            partition by organisation.organisation_from, units.unit_code
            order by
                case when units.valid_from <= organisation.organisation_from then 0 else 1 end,
                case when units.valid_from <= organisation.organisation_from then units.valid_from end desc,
                units.valid_from
        ) as place
    from organisation
    cross join {{ ref("dim_unit") }} as units
)

select
    organisation_from,
    organisation_to,
    unit_code,
    unit_name,
    parent_unit_code,
    is_in_organisation
from placed
where place = 1
