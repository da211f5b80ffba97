select
    load_id,
    source_file,
    source_row,
    agreement_id,
    direction,
    nullif(seller_unit, '') as seller_unit,
    nullif(buyer_unit, '') as buyer_unit,
    nullif(account, '') as account,
    nullif(counterparty, '') as counterparty,
    nullif(party, '') as party,
    reference,
    text,
    amount,
    cadence,
    phase,
    index,
    valid_from,
    valid_to
from {{ raw_source("agreement") }}
where load_id in (
    select loads.load_id from {{ ref("stg_raw__loads") }} as loads
    where loads.status = 'accepted'
)
