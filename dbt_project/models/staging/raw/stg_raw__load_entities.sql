select
    load_id,
    entity,
    period_from,
    period_to,
    rows as row_count,
    cast(-amount as decimal(18, 2)) as amount
from {{ raw_source("load_entity") }}
where load_id in (
    select loads.load_id from {{ ref("stg_raw__loads") }} as loads
    where loads.status = 'accepted'
)
