select
    load_id,
    source_file,
    source_row,
    nullif(position, '') as position,
    nullif(title_code, '') as title_code,
    nullif(unit, '') as unit_code,
    nullif(activity, '') as activity,
    nullif(sub_activity, '') as sub_activity,
    nullif(project, '') as project,
    nullif(cost_object, '') as cost_object,
    nullif(counterparty, '') as counterparty,
    nullif(account, '') as account,
    degree,
    budgeted_wage,
    budgeted_po,
    valid_from,
    valid_to
from {{ raw_source("position") }}
where load_id in (
    select loads.load_id from {{ ref("stg_raw__loads") }} as loads
    where loads.status = 'accepted'
)
