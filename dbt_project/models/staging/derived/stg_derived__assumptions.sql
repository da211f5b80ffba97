select
    rule,
    value,
    valid_from,
    valid_to,
    status,
    source,
    note
from {{ derived_source("assumption") }}
