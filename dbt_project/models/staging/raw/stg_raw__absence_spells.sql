select
    load_id,
    source_file,
    source_row,
    record_id,
    employment,
    person,
    cause,
    cause_code,
    nullif(unit, '') as unit_code,
    nullif(activity, '') as activity,
    nullif(sub_activity, '') as sub_activity,
    nullif(project, '') as project,
    nullif(cost_object, '') as cost_object,
    nullif(counterparty, '') as counterparty,
    valid_from,
    valid_to,
    extent,
    hours,
    is_deleted
from {{ raw_source("absence_spell") }}
where load_id in (
    select loads.load_id from {{ ref("stg_raw__loads") }} as loads
    where loads.status = 'accepted'
)
