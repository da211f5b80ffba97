with ordered as (
    select
        rest.*,
        row_number() over (partition by side, m, pair_key, size order by stem, rid) as k
    from {{ ref("findings_int_left") }} as rest
)

select
    seller,
    buyer,
    step
from {{ ref("findings_int_sure") }}
union all
select
    seller.rid as seller,
    buyer.rid as buyer,
    3 as step
from ordered as seller
inner join ordered as buyer
    on
        seller.m = buyer.m
        and seller.pair_key = buyer.pair_key
        and seller.size = buyer.size
        and seller.k = buyer.k
        and seller.unit <> buyer.unit
where seller.side > 0 and buyer.side < 0
