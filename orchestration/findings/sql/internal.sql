-- PER-03. Internal rows paired seller to buyer: by voucher, by reference, by the pair of codes and amount, then a month apart.
create or replace temp table f_int as
select l.rid, l.m, l.unit, l.account, l.line, l.cp, l.kr, abs(l.amount) as size, sign(l.amount) as side, l.voucher_series, l.voucher_number, l.ref, l.stem, l.fine
from f_line as l
cross join f_param as p
where l.internal and not l.interim and l.line not in ('personnel', 'balance') and l.amount <> 0 and l.m >= p.as_of_m - 15;

create or replace temp table f_int_pair as
select s.rid as seller, b.rid as buyer, 1 as step
from (select *, row_number() over (partition by m, voucher_series, voucher_number, size order by rid) as k from f_int where side > 0) as s
inner join (select *, row_number() over (partition by m, voucher_series, voucher_number, size order by rid) as k from f_int where side < 0) as b
    on s.m = b.m and s.voucher_series = b.voucher_series and s.voucher_number = b.voucher_number and s.size = b.size and s.k = b.k and s.unit <> b.unit;

create or replace temp table f_int_left as
select * from f_int where rid not in (select seller from f_int_pair) and rid not in (select buyer from f_int_pair);

insert into f_int_pair
select s.rid, b.rid, 2
from (select *, row_number() over (partition by m, ref, size order by rid) as k from f_int_left where side > 0 and ref <> '') as s
inner join (select *, row_number() over (partition by m, ref, size order by rid) as k from f_int_left where side < 0 and ref <> '') as b
    on s.m = b.m and s.ref = b.ref and s.size = b.size and s.k = b.k and s.unit <> b.unit;

-- The code by which others name a unit, learnt from the sure pairs and from amounts that occur once on each side in a month.
create or replace temp table f_int_once as
select s.unit as seller_unit, s.cp as seller_cp, b.unit as buyer_unit, b.cp as buyer_cp
from (select m, size, min(unit) as unit, min(cp) as cp from f_int where side > 0 group by m, size having count(*) = 1) as s
inner join (select m, size, min(unit) as unit, min(cp) as cp from f_int where side < 0 group by m, size having count(*) = 1) as b on s.m = b.m and s.size = b.size;

create or replace temp table f_unit_code as
select unit, code from (
    select unit, code, row_number() over (partition by unit order by count(*) desc, code asc) as rank_no
    from (
        select seller_unit as unit, buyer_cp as code from f_int_once
        union all
        select buyer_unit, seller_cp from f_int_once
        union all
        select s.unit, b.cp from f_int_pair as p inner join f_int as s on p.seller = s.rid inner join f_int as b on p.buyer = b.rid
        union all
        select b.unit, s.cp from f_int_pair as p inner join f_int as s on p.seller = s.rid inner join f_int as b on p.buyer = b.rid
    ) as seen
    where code <> ''
    group by unit, code
) as ranked
where rank_no = 1;

create or replace temp table f_int_left as
select l.*, least(coalesce(c.code, l.unit), l.cp) || '~' || greatest(coalesce(c.code, l.unit), l.cp) as pair_key
from f_int as l
left join f_unit_code as c on l.unit = c.unit
where l.rid not in (select seller from f_int_pair) and l.rid not in (select buyer from f_int_pair);

insert into f_int_pair
select s.rid, b.rid, 3
from (select *, row_number() over (partition by m, pair_key, size order by stem, rid) as k from f_int_left where side > 0) as s
inner join (select *, row_number() over (partition by m, pair_key, size order by stem, rid) as k from f_int_left where side < 0) as b
    on s.m = b.m and s.pair_key = b.pair_key and s.size = b.size and s.k = b.k and s.unit <> b.unit;

create or replace temp table f_int_left as
select l.* from f_int_left as l
where l.rid not in (select seller from f_int_pair) and l.rid not in (select buyer from f_int_pair);

-- The same item a month apart: paired, but told as late by the side that came after. Only where the month itself has no twin.
create or replace temp table f_int_late as
select s.rid as seller, b.rid as buyer
from (select *, row_number() over (partition by pair_key, size, stem order by m, rid) as k from f_int_left where side > 0) as s
inner join (select *, row_number() over (partition by pair_key, size, stem order by m, rid) as k from f_int_left where side < 0) as b
    on s.pair_key = b.pair_key and s.size = b.size and s.stem = b.stem and s.k = b.k and abs(s.m - b.m) between 1 and 2;

-- Which series answers which: the partner that a series has had most often.
create or replace temp table f_mirror as
select fine, mirror, times, rank_no from (
    select
        fine, mirror, count(*) as times,
        row_number() over (partition by fine order by count(*) desc, mirror asc) as rank_no
    from (
        select s.fine, b.fine as mirror from f_int_pair as p inner join f_int as s on p.seller = s.rid inner join f_int as b on p.buyer = b.rid
        union all
        select b.fine, s.fine from f_int_pair as p inner join f_int as s on p.seller = s.rid inner join f_int as b on p.buyer = b.rid
    ) as both_ways
    group by fine, mirror
) as ranked
where rank_no = 1;
