select
    load_id,
    source_file,
    source_row,
    account,
    name as account_name,
    account_type,
    valid_from,
    valid_to
from {{ raw_source("account") }}
where load_id in (
    select loads.load_id from {{ ref("stg_raw__loads") }} as loads
    where loads.status = 'accepted'
)
