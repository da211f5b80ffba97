select
    load_id,
    source_file,
    source_row,
    agreement_id,
    nullif(seller_unit, '') as seller_unit,
    nullif(buyer_unit, '') as buyer_unit,
    nullif(income_account, '') as income_account,
    nullif(cost_account, '') as cost_account,
    amount,
    cadence,
    phase,
    text,
    reference,
    valid_from,
    valid_to
from {{ raw_source("internal_agreement") }}
where load_id in (
    select loads.load_id from {{ ref("stg_raw__loads") }} as loads
    where loads.status = 'accepted'
)
