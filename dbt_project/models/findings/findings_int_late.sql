with ordered as (
    select
        rest.*,
        row_number() over (partition by rest.side, rest.pair_key, rest.size, rest.stem order by rest.m, rest.rid) as k
    from {{ ref("findings_int_left") }} as rest
    left join {{ ref("findings_int_pair") }} as sold
        on rest.rid = sold.seller
    left join {{ ref("findings_int_pair") }} as bought
        on rest.rid = bought.buyer
    where sold.seller is null and bought.buyer is null
)

select
    seller.rid as seller,
    buyer.rid as buyer
from ordered as seller
inner join ordered as buyer
    on
        seller.pair_key = buyer.pair_key
        and seller.size = buyer.size
        and seller.stem = buyer.stem
        and seller.k = buyer.k
        and abs(seller.m - buyer.m) between 1 and 2
where seller.side > 0 and buyer.side < 0
