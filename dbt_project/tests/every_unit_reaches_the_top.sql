{{ check(
    "bridge_unit_ancestor",
    sv="Enheten {unit_code} når inte kommunen genom sina överordnade (organisationen från {organisation_from}). Rätta överordnad enhet i organisationsregistret.",
    en="The unit {unit_code} does not reach the municipality through its parents (organisation from {organisation_from}). Correct its parent in the organisation register.",
) }}

select
    organisation_from,
    unit_code
from {{ ref("bridge_unit_ancestor") }}
group by organisation_from, unit_code
having max(case when ancestor_unit_code = {{ root_unit() }} then 1 else 0 end) = 0
