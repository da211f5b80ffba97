select
    load_id,
    source_file,
    source_row,
    reason_code,
    reason,
    row_content,
    is_bad
from {{ raw_source("reject") }}
where load_id in (
    select loads.load_id from {{ ref("stg_raw__loads") }} as loads
    where loads.status = 'accepted'
)
