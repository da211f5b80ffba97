select distinct
    rows_known.m,
    rows_known.voucher_series,
    rows_known.voucher_number
from {{ ref("findings_row") }} as rows_known
inner join {{ ref("findings_item") }} as item
    on rows_known.item_id = item.item_id
inner join {{ ref("findings_interim_prefix") }} as interim
    on substr(item.account, 1, length(interim.prefix)) = interim.prefix
where item.line = 'balance'
