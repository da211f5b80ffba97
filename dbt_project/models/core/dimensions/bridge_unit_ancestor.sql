{{ published() }}

with organisation as (
    select
        organisation_from,
        unit_code,
        parent_unit_code
    from {{ ref("int_organisation") }}
),

{{ ancestors("organisation", "unit_code", "parent_unit_code", within=["organisation_from"]) }}

select
    ancestor.organisation_from,
    spans.organisation_to,
    ancestor.unit_code,
    ancestor.ancestor_unit_code,
    cast(ancestor.distance as integer) as distance
from ancestor
inner join (
    select distinct
        organisation_from,
        organisation_to
    from {{ ref("int_organisation") }}
) as spans
    on ancestor.organisation_from = spans.organisation_from
