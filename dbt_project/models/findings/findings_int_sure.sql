-- 1. Seller and buyer in one voucher.
with in_voucher as (
    select
        internal.*,
        row_number() over (partition by side, m, voucher_series, voucher_number, size order by rid) as k
    from {{ ref("findings_int") }} as internal
),

by_voucher as (
    select
        seller.rid as seller,
        buyer.rid as buyer
    from in_voucher as seller
    inner join in_voucher as buyer
        on
            seller.m = buyer.m
            and seller.voucher_series = buyer.voucher_series
            and seller.voucher_number = buyer.voucher_number
            and seller.size = buyer.size
            and seller.k = buyer.k
            and seller.unit <> buyer.unit
    where seller.side > 0 and buyer.side < 0
),

-- 2. The same reference and amount in the month.
rest as (
    select
        internal.*,
        row_number() over (partition by internal.side, internal.m, internal.ref, internal.size order by internal.rid) as k
    from {{ ref("findings_int") }} as internal
    left join by_voucher as sold
        on internal.rid = sold.seller
    left join by_voucher as bought
        on internal.rid = bought.buyer
    where internal.ref <> '' and sold.seller is null and bought.buyer is null
)

select
    seller,
    buyer,
    1 as step
from by_voucher
union all
select
    seller.rid as seller,
    buyer.rid as buyer,
    2 as step
from rest as seller
inner join rest as buyer
    on
        seller.m = buyer.m
        and seller.ref = buyer.ref
        and seller.size = buyer.size
        and seller.k = buyer.k
        and seller.unit <> buyer.unit
where seller.side > 0 and buyer.side < 0
