select
    load_id,
    source_file,
    source_row,
    period,
    released_on
from {{ raw_source("period_release") }}
where load_id in (
    select loads.load_id from {{ ref("stg_raw__loads") }} as loads
    where loads.status = 'accepted'
)
