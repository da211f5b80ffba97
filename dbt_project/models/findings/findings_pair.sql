with new as (
    select recent.*
    from {{ ref("findings_recent") }} as recent
    cross join {{ ref("findings_close") }} as this_close
    where
        recent.m = this_close.as_of_m
        and not recent.internal
        and abs(recent.kr) >= this_close.duplicate_minimum
),

-- The same sender or, where one of the two rows has lost its name, the same place, amount and number or words.
candidate as (
    select
        earlier.rid as rid_a,
        later.rid as rid_b
    from new as later
    inner join {{ ref("findings_recent") }} as earlier
        on later.who = earlier.who
    where abs(earlier.kr - later.kr) <= 0.05 * abs(later.kr)
    union
    select
        earlier.rid as rid_a,
        later.rid as rid_b
    from new as later
    inner join {{ ref("findings_recent") }} as earlier
        on
            later.unit = earlier.unit
            and later.account = earlier.account
            and later.amount = earlier.amount
            and (later.party = '') <> (earlier.party = '')
    where (later.ref <> '' and later.ref = earlier.ref) or (later.stem <> '' and later.stem = earlier.stem)
)

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
    coalesce(nullif(later.party, ''), earlier.party) as party,
    earlier.aref <> '' or later.aref <> '' as is_agreement_ref,
    levenshtein(earlier.ref, later.ref) as ref_distance,
    earlier.sf as sf_a,
    later.sf as sf_b,
    earlier.st as st_a,
    later.st as st_b,
    abs({{ days_between("earlier.voucher_date", "later.voucher_date") }}) as days,
    earlier.voucher_date as date_a,
    later.voucher_date as date_b
from candidate
inner join {{ ref("findings_recent") }} as earlier
    on candidate.rid_a = earlier.rid
inner join new as later
    on candidate.rid_b = later.rid
where
    later.rid <> earlier.rid
    and later.internal = earlier.internal
    and (earlier.m < later.m or (earlier.m = later.m and earlier.rid < later.rid))
    and (
        earlier.m <> later.m
        or earlier.voucher_series <> later.voucher_series
        or earlier.voucher_number <> later.voucher_number
    )
    and earlier.kr * later.kr > 0
