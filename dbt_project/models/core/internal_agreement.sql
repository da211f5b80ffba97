-- A register is delivered whole: the newest delivery of a source says what the agreements are.
with ranked as (
    select
        registered.*,
        rank() over (partition by loads.scope order by loads.sequence desc) as place
    from {{ ref("stg_raw__internal_agreements") }} as registered
    inner join {{ ref("stg_raw__loads") }} as loads
        on registered.load_id = loads.load_id
)

select
    load_id,
    source_file,
    source_row,
    agreement_id,
    seller_unit,
    buyer_unit,
    income_account,
    cost_account,
    amount,
    cadence,
    phase,
    text,
    reference,
    valid_from,
    valid_to
from ranked
where place = 1
