select
    load_id,
    source_file,
    source_row,
    period,
    nullif(unit, '') as unit_code,
    nullif(report_line, '') as report_line,
    text,
    author
from {{ raw_source("comment") }}
where load_id in (
    select loads.load_id from {{ ref("stg_raw__loads") }} as loads
    where loads.status = 'accepted'
)
