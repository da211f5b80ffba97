select
    earlier.rid as rid_a,
    later.rid as rid_b,
    earlier.kr as kr_a,
    later.kr as kr_b,
    earlier.m as m_a,
    later.m as m_b,
    earlier.ref as ref_a,
    later.ref as ref_b,
    earlier.txt as txt_a,
    later.txt as txt_b,
    earlier.fine as fine_a,
    later.fine as fine_b,
    earlier.unit as unit_a,
    later.unit as unit_b,
    earlier.account as account_a,
    later.account as account_b,
    earlier.party,
    earlier.aref <> '' or later.aref <> '' as is_agreement_ref,
    levenshtein(earlier.ref, later.ref) as ref_distance,
    earlier.sf as sf_a,
    later.sf as sf_b,
    earlier.st as st_a,
    later.st as st_b,
    abs({{ days_between("earlier.voucher_date", "later.voucher_date") }}) as days,
    earlier.voucher_date as date_a,
    later.voucher_date as date_b
from {{ ref("findings_recent") }} as later
cross join {{ ref("findings_close") }} as this_close
inner join {{ ref("findings_recent") }} as earlier
    on
        later.who = earlier.who
        and later.internal = earlier.internal
        and later.rid <> earlier.rid
        and (earlier.m < later.m or (earlier.m = later.m and earlier.rid < later.rid))
        and (
            earlier.m <> later.m
            or earlier.voucher_series <> later.voucher_series
            or earlier.voucher_number <> later.voucher_number
        )
        and earlier.kr * later.kr > 0
        and abs(earlier.kr - later.kr) <= 0.05 * abs(later.kr)
where
    later.m = this_close.as_of_m
    and not later.internal
    and abs(later.kr) >= this_close.duplicate_minimum
