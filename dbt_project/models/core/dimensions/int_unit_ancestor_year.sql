with organisation_year as (
    select distinct
        organisation_from,
        fiscal_year
    from {{ ref("int_report_period") }}
    union
    select distinct
        organisation_from,
        fiscal_year - 1 as fiscal_year
    from {{ ref("int_report_period") }}
)

select
    units.organisation_from,
    organisation_year.fiscal_year,
    units.unit_code,
    units.ancestor_unit_code
from {{ ref("bridge_unit_ancestor") }} as units
inner join organisation_year
    on units.organisation_from = organisation_year.organisation_from
