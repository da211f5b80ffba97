select
    load_id,
    source_file,
    source_row,
    unit as unit_code,
    name as unit_name,
    nullif(parent, '') as parent_unit_code,
    valid_from,
    valid_to
from {{ raw_source("unit") }}
where load_id in (
    select loads.load_id from {{ ref("stg_raw__loads") }} as loads
    where loads.status = 'accepted'
)
