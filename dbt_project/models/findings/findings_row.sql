select ledger.*
from {{ ref("findings_ledger_row") }} as ledger
cross join {{ ref("findings_close") }} as this_close
where
    ledger.m between this_close.first_m and this_close.as_of_m
    and (
        this_close.known_on is null
        or ledger.registration_date is null
        or ledger.registration_date <= this_close.known_on
    )
