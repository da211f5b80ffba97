select
    load_id,
    source_file,
    source_row,
    period,
    account,
    coalesce(dimension_set, '') as dimension_set,
    nullif(unit, '') as unit_code,
    nullif(activity, '') as activity,
    nullif(sub_activity, '') as sub_activity,
    nullif(project, '') as project,
    nullif(cost_object, '') as cost_object,
    nullif(counterparty, '') as counterparty,
    cast(-amount as decimal(18, 2)) as amount,
    quantity
from {{ raw_source("period_balance") }}
where load_id in (
    select loads.load_id from {{ ref("stg_raw__loads") }} as loads
    where loads.status = 'accepted'
)
