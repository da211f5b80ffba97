-- The code by which others name a unit, learnt from the sure pairs and from amounts that occur once on each side in a month.
with once as (
    select
        m,
        size,
        side,
        min(unit) as unit,
        min(cp) as cp
    from {{ ref("findings_int") }}
    group by m, size, side
    having count(*) = 1
),

seen as (
    select
        seller.unit as seller_unit,
        seller.cp as seller_cp,
        buyer.unit as buyer_unit,
        buyer.cp as buyer_cp
    from once as seller
    inner join once as buyer
        on seller.m = buyer.m and seller.size = buyer.size
    where seller.side > 0 and buyer.side < 0
    union all
    select
        seller.unit as seller_unit,
        seller.cp as seller_cp,
        buyer.unit as buyer_unit,
        buyer.cp as buyer_cp
    from {{ ref("findings_int_sure") }} as pair
    inner join {{ ref("findings_int") }} as seller
        on pair.seller = seller.rid
    inner join {{ ref("findings_int") }} as buyer
        on pair.buyer = buyer.rid
),

code as (
    select
        seller_unit as unit,
        buyer_cp as code
    from seen
    union all
    select
        buyer_unit as unit,
        seller_cp as code
    from seen
),

unit_code as (
    select
        unit,
        code,
        row_number() over (partition by unit order by count(*) desc, code asc) as place
    from code
    where code <> ''
    group by unit, code
),

-- A unit has a new code after a reorganisation: that is no other unit's usual one.
other_code as (
    select
        other.code,
        usual.code as usual_code
    from (
        select
            code.code,
            code.unit,
            row_number() over (partition by code.code order by count(*) desc, code.unit asc) as place
        from code
        left join unit_code
            on code.code = unit_code.code and unit_code.place = 1
        where code.code <> '' and unit_code.unit is null
        group by code.code, code.unit
    ) as other
    inner join unit_code as usual
        on other.unit = usual.unit and usual.place = 1
    where other.place = 1
)

select
    internal.*,
    least(coalesce(unit_code.code, internal.unit), coalesce(other_code.usual_code, internal.cp))
    || '~' || greatest(coalesce(unit_code.code, internal.unit), coalesce(other_code.usual_code, internal.cp)) as pair_key
from {{ ref("findings_int") }} as internal
left join unit_code
    on internal.unit = unit_code.unit and unit_code.place = 1
left join other_code
    on internal.cp = other_code.code
left join {{ ref("findings_int_sure") }} as sold
    on internal.rid = sold.seller
left join {{ ref("findings_int_sure") }} as bought
    on internal.rid = bought.buyer
where sold.seller is null and bought.buyer is null
