select
    load_id,
    source_file,
    source_row,
    prefix_from,
    prefix_to,
    counterparty_group
from {{ raw_source("counterparty_group") }}
where load_id in (
    select loads.load_id from {{ ref("stg_raw__loads") }} as loads
    where loads.status = 'accepted'
)
