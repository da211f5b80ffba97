select
    rows_known.*,
    interim.m is not null as interim,
    coalesce(reference.ref_no, 0) as ref_no,
    -- One number for item, interim or not, and agreement number.
    (rows_known.item_id * 2 + case when interim.m is null then 0 else 1 end) * 10000000
    + coalesce(reference.ref_no, 0) as key_id
from {{ ref("findings_row") }} as rows_known
inner join {{ ref("findings_item_placed") }} as placed
    on rows_known.item_id = placed.item_id
left join {{ ref("findings_interim_voucher") }} as interim
    on
        rows_known.m = interim.m
        and rows_known.voucher_series = interim.voucher_series
        and rows_known.voucher_number = interim.voucher_number
left join {{ ref("findings_reference") }} as reference
    on placed.place_id = reference.place_id and rows_known.ref = reference.written
