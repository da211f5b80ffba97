{{ published() }}

select
    rule,
    value,
    valid_from,
    valid_to,
    status,
    source,
    note
from {{ ref("stg_derived__assumptions") }}
