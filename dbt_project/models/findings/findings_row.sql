select
    ledger.rid,
    ledger.m,
    ledger.item_id,
    ledger.voucher_series,
    ledger.voucher_number,
    ledger.voucher_date,
    ledger.dated_on,
    ledger.registration_date,
    ledger.amount,
    ledger.txt,
    ledger.ref,
    ledger.is_final,
    ledger.is_credit,
    ledger.sf,
    ledger.st,
    ledger.service_stated
from {{ ref("findings_ledger_row") }} as ledger
inner join {{ ref("findings_version") }} as version
    on ledger.load_no = version.load_no and ledger.m = version.m
cross join {{ ref("findings_close") }} as this_close
where
    ledger.m between this_close.first_m and this_close.as_of_m
    and (
        this_close.known_on is null
        or ledger.registration_date is null
        or ledger.registration_date <= this_close.known_on
    )
