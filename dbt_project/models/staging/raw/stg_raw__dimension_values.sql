select
    load_id,
    source_file,
    source_row,
    dimension as code_field,
    code,
    name as code_name,
    nullif(parent, '') as parent_code,
    valid_from,
    valid_to
from {{ raw_source("dimension_value") }}
where load_id in (
    select loads.load_id from {{ ref("stg_raw__loads") }} as loads
    where loads.status = 'accepted'
)
