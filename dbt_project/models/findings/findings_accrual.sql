-- 1. Rows of interim accounts; those that open an accrual and those that take one back.
with interim as (
    select
        rows_known.rid,
        rows_known.m,
        item.account,
        item.unit,
        rows_known.amount,
        abs(rows_known.amount) as size,
        rows_known.voucher_series,
        rows_known.voucher_number,
        rows_known.txt,
        sign(rows_known.amount) = prefix.open_side as opens
    from {{ ref("findings_row") }} as rows_known
    inner join {{ ref("findings_item") }} as item
        on rows_known.item_id = item.item_id
    inner join {{ ref("findings_interim_prefix") }} as prefix
        on substr(item.account, 1, length(prefix.prefix)) = prefix.prefix
    cross join {{ ref("findings_close") }} as this_close
    where item.line = 'balance' and rows_known.amount <> 0 and rows_known.m >= this_close.as_of_m - 14
),

ordered as (
    select
        interim.*,
        row_number() over (partition by account, unit, size, opens, m order by rid) as k
    from interim
),

-- 2. Next month's reversal first; what is left is paired in order.
back_next as (
    select
        opening.rid,
        back.m as back_m,
        back.rid as back_rid
    from ordered as opening
    inner join ordered as back
        on
            opening.account = back.account
            and opening.unit = back.unit
            and opening.size = back.size
            and opening.m + 1 = back.m
            and opening.k = back.k
    where opening.opens and not back.opens
),

rest as (
    select
        ordered.*,
        row_number() over (
            partition by ordered.account, ordered.unit, ordered.size, ordered.opens order by ordered.m, ordered.rid
        ) as n
    from ordered
    left join back_next as opened
        on ordered.rid = opened.rid
    left join back_next as taken_back
        on ordered.rid = taken_back.back_rid
    where opened.rid is null and taken_back.back_rid is null
)

select
    opening.rid,
    opening.m,
    opening.account,
    opening.unit,
    opening.amount,
    opening.voucher_series,
    opening.voucher_number,
    opening.txt,
    back_next.back_m,
    back_next.back_rid
from ordered as opening
inner join back_next
    on opening.rid = back_next.rid
union all
select
    opening.rid,
    opening.m,
    opening.account,
    opening.unit,
    opening.amount,
    opening.voucher_series,
    opening.voucher_number,
    opening.txt,
    back.m as back_m,
    back.rid as back_rid
from rest as opening
left join rest as back
    on
        opening.account = back.account
        and opening.unit = back.unit
        and opening.size = back.size
        and opening.n = back.n
        and opening.m < back.m
        and not back.opens
where opening.opens
