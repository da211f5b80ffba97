select
    load_id,
    source_file,
    source_row,
    employment,
    person,
    day,
    hours
from {{ raw_source("schedule_day") }}
where load_id in (
    select loads.load_id from {{ ref("stg_raw__loads") }} as loads
    where loads.status = 'accepted'
)
