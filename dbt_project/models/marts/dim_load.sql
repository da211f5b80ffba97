{{ published() }}

select
    load_id,
    source,
    kind,
    file_name,
    sha256,
    delivery,
    status,
    reason_code,
    reason,
    loaded_at,
    generated_on,
    file_format,
    rows_in,
    rows_kept,
    rows_set_aside,
    rows_bad,
    controls_checked,
    controls_failed
from {{ ref("stg_raw__loads") }}
