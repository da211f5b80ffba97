select
    load_id,
    source_file,
    source_row,
    record_id,
    line_kind,
    period,
    paid_on,
    employment,
    person,
    wage_type,
    pay_type,
    nullif(account, '') as account,
    nullif(unit, '') as unit_code,
    nullif(activity, '') as activity,
    nullif(sub_activity, '') as sub_activity,
    nullif(project, '') as project,
    nullif(cost_object, '') as cost_object,
    nullif(counterparty, '') as counterparty,
    quantity,
    unit_price,
    cast(-amount as decimal(18, 2)) as amount,
    work_from,
    work_to
from {{ raw_source("payroll_line") }}
where load_id in (
    select loads.load_id from {{ ref("stg_raw__loads") }} as loads
    where loads.status = 'accepted'
)
