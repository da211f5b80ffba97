select
    unit_code,
    period,
    step,
    amount
from {{ derived_source("people_step") }}
