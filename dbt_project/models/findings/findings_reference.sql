-- References that come back in at least three months are agreement numbers; the others are invoice numbers.
with used as (
    select
        placed.place_id,
        rows_known.ref,
        rows_known.m,
        placed.party_own
    from {{ ref("findings_row") }} as rows_known
    inner join {{ ref("findings_item_placed") }} as placed
        on rows_known.item_id = placed.item_id
    left join {{ ref("findings_interim_voucher") }} as interim
        on
            rows_known.m = interim.m
            and rows_known.voucher_series = interim.voucher_series
            and rows_known.voucher_number = interim.voucher_number
    where rows_known.ref <> '' and interim.m is null
),

seen as (
    select
        place_id,
        ref,
        min(m) as first_m,
        max(m) as last_m
    from used
    group by place_id, ref
),

agreement as (
    select
        used.place_id,
        used.ref,
        count(distinct used.m) as months,
        case when min(used.party_own) = max(used.party_own) then max(used.party_own) else '' end as party
    from used
    inner join seen
        on used.place_id = seen.place_id and used.ref = seen.ref and seen.last_m - seen.first_m >= 2
    group by used.place_id, used.ref
    having count(distinct used.m) >= 3
),

-- A number with one or two characters wrong.
typo as (
    select
        once.place_id,
        once.ref as written,
        agreement.ref,
        agreement.party,
        row_number() over (
            partition by once.place_id, once.ref
            order by levenshtein(once.ref, agreement.ref), agreement.months desc, agreement.ref
        ) as place
    from seen as once
    inner join agreement
        on
            once.place_id = agreement.place_id
            and abs(length(once.ref) - length(agreement.ref)) <= 1
    left join agreement as itself
        on once.place_id = itself.place_id and once.ref = itself.ref
    where
        itself.ref is null
        and length(once.ref) >= 4
        and levenshtein(once.ref, agreement.ref) <= case when length(agreement.ref) >= 6 then 2 else 1 end
),

meant as (
    select
        place_id,
        ref as written,
        ref,
        party
    from agreement
    union all
    select
        place_id,
        written,
        ref,
        party
    from typo
    where place = 1
)

select
    row_number() over (order by place_id, written) as ref_no,
    place_id,
    written,
    ref,
    party
from meant
