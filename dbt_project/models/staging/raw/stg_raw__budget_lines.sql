select
    load_id,
    source_file,
    source_row,
    fiscal_year,
    period,
    nullif(account, '') as account,
    nullif(report_line, '') as report_line,
    nullif(unit, '') as unit_code,
    nullif(activity, '') as activity,
    nullif(sub_activity, '') as sub_activity,
    nullif(project, '') as project,
    nullif(cost_object, '') as cost_object,
    nullif(counterparty, '') as counterparty,
    coalesce(dimension_set, '') as dimension_set,
    cast(-amount as decimal(18, 2)) as amount,
    budget_type,
    decided_on,
    row_text
from {{ raw_source("budget_line") }}
where load_id in (
    select loads.load_id from {{ ref("stg_raw__loads") }} as loads
    where loads.status = 'accepted'
)
