select
    load_id,
    source_file,
    control,
    account,
    period,
    voucher,
    stated,
    computed,
    difference
from {{ raw_source("control") }}
where load_id in (
    select loads.load_id from {{ ref("stg_raw__loads") }} as loads
    where loads.status = 'accepted'
)
