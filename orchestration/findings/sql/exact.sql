-- Candidates that need no expectation: the same invoice twice, late rows, unbalanced vouchers, gaps, accruals, internal pairs.

-- PER-06. Pairs of rows that may be one invoice. The later row (b) is in the close.
create or replace temp table f_recent as
select l.*, coalesce(nullif(l.party, ''), 'cp:' || l.cp || ':' || l.stem) as who
from f_line as l
cross join f_param as p
where l.m >= p.as_of_m - 3 and not l.interim and l.line <> 'personnel';

create or replace temp table f_pair as
select
    a.rid as rid_a, b.rid as rid_b, a.kr as kr_a, b.kr as kr_b, a.m as m_a, b.m as m_b, a.ref as ref_a, b.ref as ref_b, a.txt as txt_a, b.txt as txt_b,
    a.fine as fine_a, b.fine as fine_b, a.unit as unit_a, b.unit as unit_b, a.account as account_a, b.account as account_b,
    a.party, a.aref <> '' or b.aref <> '' as is_agreement_ref, levenshtein(a.ref, b.ref) as ref_distance, a.sf as sf_a, b.sf as sf_b,
    a.st as st_a, b.st as st_b, abs(date_diff('day', a.voucher_date, b.voucher_date)) as days, a.voucher_date as date_a, b.voucher_date as date_b
from f_recent as b
cross join f_param as p
inner join f_recent as a
    on
        a.who = b.who
        and a.internal = b.internal
        and a.rid <> b.rid
        and (a.m < b.m or (a.m = b.m and a.rid < b.rid))
        and (a.m <> b.m or a.voucher_series <> b.voucher_series or a.voucher_number <> b.voucher_number)
        and a.kr * b.kr > 0
        and abs(a.kr - b.kr) <= 0.05 * abs(b.kr)
where b.m = p.as_of_m and not b.internal and abs(b.kr) >= p.duplicate_minimum;

-- PER-10. Rows registered after their period was released.
create or replace temp table f_after as
select l.*, r.released_on
from f_line as l
inner join f_release as r on l.m = r.m
cross join f_param as p
where l.registration_date > r.released_on and l.m >= p.as_of_m - 24;

-- PER-11. Vouchers that do not balance, and whether vouchers balance at all in this export.
create or replace temp table f_voucher as
select m, voucher_series, voucher_number, sum(amount) as rest, count(*) as rows_in, max(rid) as rid
from f_raw
group by m, voucher_series, voucher_number;

create or replace temp table f_number as
select distinct
    v.voucher_series, v.m, r.registration_date, r.voucher_date, v.fiscal_year, try_cast(v.voucher_number as bigint) as number
from (
    select f.m, f.voucher_series, f.voucher_number, cast(floor((f.m - p.fiscal_start) / 12) as integer) as fiscal_year, max(f.rid) as rid
    from f_raw as f cross join f_param as p
    where f.m >= p.as_of_m - 12
    group by f.m, f.voucher_series, f.voucher_number, cast(floor((f.m - p.fiscal_start) / 12) as integer)
) as v
inner join f_raw as r on v.rid = r.rid;

create or replace temp table f_gap as
select *, number - before - 1 as missing from (
    select
        *, lag(number) over (partition by voucher_series, fiscal_year order by number) as before,
        count(*) over (partition by voucher_series, fiscal_year) as numbers,
        max(number) over (partition by voucher_series, fiscal_year) - min(number) over (partition by voucher_series, fiscal_year) + 1 as span
    from (
        select voucher_series, fiscal_year, number, min(m) as m, min(coalesce(registration_date, voucher_date)) as registered
        from f_number where number is not null
        group by voucher_series, fiscal_year, number
    ) as one
) as ordered
where number - before > 1;

-- PER-11. Accruals on interim accounts, and the row that takes each back: same unit, account and amount, other side, a later month.
create or replace temp table f_interim_row as
select
    *, row_number() over (partition by account, unit, size, opens, m order by rid) as k
from (
    select
        r.rid, r.m, r.account, r.unit, r.amount, abs(r.amount) as size, r.voucher_series, r.voucher_number, r.txt, sign(r.amount) = i.open_side as opens
    from f_raw as r
    inner join f_interim_prefix as i on starts_with(r.account, i.prefix)
    cross join f_param as p
    where r.line = 'balance' and r.amount <> 0 and r.m >= p.as_of_m - 14
) as interim;

-- Next month's reversal first; what is left is paired in order.
create or replace temp table f_accrual_next as
select a.rid, b.m as back_m, b.rid as back_rid
from f_interim_row as a
inner join f_interim_row as b on a.account = b.account and a.unit = b.unit and a.size = b.size and b.m = a.m + 1 and a.k = b.k
where a.opens and not b.opens;

create or replace temp table f_accrual as
with open_rows as (
    select *, row_number() over (partition by account, unit, size order by m, rid) as n
    from f_interim_row where opens and rid not in (select rid from f_accrual_next)
),

back_rows as (
    select *, row_number() over (partition by account, unit, size order by m, rid) as n
    from f_interim_row where not opens and rid not in (select back_rid from f_accrual_next)
)

select a.rid, a.m, a.account, a.unit, a.amount, a.voucher_series, a.voucher_number, a.txt, x.back_m, x.back_rid
from f_interim_row as a inner join f_accrual_next as x on a.rid = x.rid
union all
select a.rid, a.m, a.account, a.unit, a.amount, a.voucher_series, a.voucher_number, a.txt, b.m, b.rid
from open_rows as a
left join back_rows as b on a.account = b.account and a.unit = b.unit and a.size = b.size and a.n = b.n and b.m > a.m;
