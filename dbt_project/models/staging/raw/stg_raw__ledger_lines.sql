select
    load_id,
    source_file,
    source_row,
    line_kind,
    period,
    voucher_series,
    voucher_number,
    voucher_date,
    transaction_date,
    registration_date,
    account,
    cast(-amount as decimal(18, 2)) as amount,
    nullif(unit, '') as unit_code,
    nullif(activity, '') as activity,
    nullif(sub_activity, '') as sub_activity,
    nullif(project, '') as project,
    nullif(cost_object, '') as cost_object,
    nullif(counterparty, '') as counterparty,
    voucher_text,
    row_text,
    quantity,
    party,
    party_name,
    reference,
    service_from,
    service_to
from {{ raw_source("ledger_line") }}
where load_id in (
    select loads.load_id from {{ ref("stg_raw__loads") }} as loads
    where loads.status = 'accepted'
)
