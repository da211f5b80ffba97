select
    load_id,
    source_file,
    source_row,
    year_from,
    year_to,
    account_from,
    account_to,
    counterparty_scope,
    report_line
from {{ raw_source("report_line_account") }}
where load_id in (
    select loads.load_id from {{ ref("stg_raw__loads") }} as loads
    where loads.status = 'accepted'
)
