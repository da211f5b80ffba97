{{ published() }}

-- What the row says stays inside: it may name people.
select
    load_id,
    source_file,
    source_row,
    reason_code,
    reason,
    is_bad
from {{ ref("stg_raw__rejects") }}
