-- One row per ledger row with the series it belongs to, at two grains: base (unit, account, who) and fine (base and reference or stem).

-- References that come back in at least three months are agreement numbers; the others are invoice numbers.
create or replace temp table f_ref as
select unit, account, ref, count(distinct m) as months, count(distinct party_own) as parties, max(party_own) as party
from f_line_0
where ref <> '' and not interim
group by unit, account, ref
having count(distinct m) >= 3;

-- A party left out is found by the agreement number, else by a text that only one party of the unit and account uses.
create or replace temp table f_stem_party as
select unit, account, stem, max(party_own) as party
from f_line_0
where party_own <> '' and stem <> '' and not interim
group by unit, account, stem
having count(distinct party_own) = 1 and count(distinct m) >= 3;

create or replace temp table f_ref_typo as
select unit, account, wrong, ref from (
    select
        w.unit, w.account, w.ref as wrong, r.ref,
        row_number() over (partition by w.unit, w.account, w.ref order by levenshtein(w.ref, r.ref), r.months desc, r.ref) as rank_no
    from (
        select unit, account, ref from f_line_0
        where ref <> '' and length(ref) >= 4 and not interim
        group by unit, account, ref
        having count(distinct m) < 3
    ) as w
    inner join f_ref as r on w.unit = r.unit and w.account = r.account and abs(length(w.ref) - length(r.ref)) <= 1
    where levenshtein(w.ref, r.ref) <= case when length(r.ref) >= 6 then 2 else 1 end
) as ranked
where rank_no = 1;

create or replace temp table f_line_1 as
select
    l.*,
    coalesce(nullif(l.party_own, ''), case when r.parties = 1 then nullif(r.party, '') end, case when t.ref is not null and rt.parties = 1 then nullif(rt.party, '') end, sp.party, '') as party,
    coalesce(r.ref, rt.ref, '') as aref
from f_line_0 as l
left join f_ref as r on l.unit = r.unit and l.account = r.account and l.ref = r.ref
left join f_ref_typo as t on l.unit = t.unit and l.account = t.account and l.ref = t.wrong
left join f_ref as rt on t.unit = rt.unit and t.account = rt.account and t.ref = rt.ref -- the number meant
left join f_stem_party as sp on l.unit = sp.unit and l.account = sp.account and case when l.interim then null else l.stem end = sp.stem;

create or replace temp table f_line_2 as
select
    l.*,
    coalesce(nullif(l.cp, ''), pc.cp, '') as cp2,
    l.unit || '|' || l.account || '|' || case
        when l.interim then 'interim'
        when l.party <> '' then 'p' || l.party
        else 'c' || coalesce(nullif(l.cp, ''), '')
    end as base
from f_line_1 as l
left join f_party_cp as pc on l.party = pc.party;

-- A stem that one agreement number owns stands for it where the number is left out.
create or replace temp table f_stem_ref as
select base, stem, max(aref) as aref
from f_line_2
where aref <> '' and stem <> ''
group by base, stem
having count(distinct aref) = 1;

create or replace temp table f_stem as
select base, stem, count(distinct m) as months from f_line_2
where stem <> '' and aref = ''
group by base, stem;

create or replace temp table f_stem_typo as
select base, wrong, stem from (
    select
        w.base, w.stem as wrong, s.stem,
        row_number() over (partition by w.base, w.stem order by levenshtein(w.stem, s.stem), s.months desc, s.stem) as rank_no
    from f_stem as w
    inner join f_stem as s on w.base = s.base and s.months >= 3 and abs(length(w.stem) - length(s.stem)) <= 2
    where w.months <= 2 and length(w.stem) >= 5 and levenshtein(w.stem, s.stem) <= 2
) as ranked
where rank_no = 1;

create or replace temp table f_line as
select
    l.rid, l.load_id, l.source_file, l.source_row, l.m, l.voucher_series, l.voucher_number, l.voucher_date, l.transaction_date,
    l.registration_date, l.account, l.amount, cast(l.amount as double) as kr, l.unit, l.cp2 as cp, l.internal, l.line, l.txt, l.stem, l.party,
    l.party_name, l.ref, l.ref_own, l.aref, l.interim, l.is_final, l.is_credit, l.is_lump, l.sf, l.st, l.sf_own is not null as service_stated, l.base,
    l.base || '|' || case
        when l.aref <> '' then 'R' || l.aref
        when sr.aref is not null then 'R' || sr.aref
        when st.stem is not null then 'T' || st.stem
        else 'T' || l.stem
    end as fine
from f_line_2 as l
left join f_stem_ref as sr on l.base = sr.base and case when l.aref = '' then l.stem end = sr.stem
left join f_stem_typo as st on l.base = st.base and l.stem = st.wrong;

-- Series by month, both grains. dir is the direction that the series usually has.
create or replace temp table f_series as
select
    row_number() over (order by grain, series) as sid, grain, series, base, unit, account, line, cp, party, internal, interim, dir, months, first_m, last_m
from (
    select
        'fine' as grain, fine as series, max(base) as base, max(unit) as unit, max(account) as account, max(line) as line, max(cp) as cp,
        max(party) as party, bool_or(internal) as internal, bool_or(interim) as interim,
        case when sum(kr) >= 0 then 1 else -1 end as dir, count(distinct m) as months, min(m) as first_m, max(m) as last_m
    from f_line
    group by fine
    union all
    select
        'base' as grain, base as series, base, max(unit) as unit, max(account) as account, max(line) as line, max(cp) as cp,
        max(party) as party, bool_or(internal) as internal, bool_or(interim) as interim,
        case when sum(kr) >= 0 then 1 else -1 end as dir, count(distinct m) as months, min(m) as first_m, max(m) as last_m
    from f_line
    where not interim
    group by base
) as both_grains
where months >= 2;

create or replace temp table f_series_month as
select
    s.sid, l.m,
    sum(case when l.kr * s.dir > 0 then l.kr * s.dir else 0 end) as pos,
    sum(case when l.kr * s.dir < 0 then -l.kr * s.dir else 0 end) as neg,
    sum(case when l.kr * s.dir > 0 then 1 else 0 end) as n,
    bool_or(l.is_final) as is_final,
    max(l.st - l.m) as st_offset,
    min(l.sf - l.m) as sf_offset
from f_line as l
inner join f_series as s on s.grain = 'fine' and s.series = l.fine
group by s.sid, l.m
union all
select
    s.sid, l.m,
    sum(case when l.kr * s.dir > 0 then l.kr * s.dir else 0 end) as pos,
    sum(case when l.kr * s.dir < 0 then -l.kr * s.dir else 0 end) as neg,
    sum(case when l.kr * s.dir > 0 then 1 else 0 end) as n,
    bool_or(l.is_final) as is_final,
    max(l.st - l.m) as st_offset,
    min(l.sf - l.m) as sf_offset
from f_line as l
inner join f_series as s on s.grain = 'base' and s.series = l.base
where not l.interim
group by s.sid, l.m;

-- The words and the agreement number that each series has used most in the last thirteen months before the close.
create or replace temp table f_words as
select sid, stem as stem_of, aref as aref_of from (
    select sid, stem, aref, row_number() over (partition by sid order by times desc, stem asc) as rank_no
    from (
        select s.sid, l.stem, l.aref, count(*) as times
        from f_line as l
        cross join f_param as p
        inner join f_series as s on s.grain = 'fine' and s.series = l.fine
        where l.m >= p.as_of_m - 13 and l.m < p.as_of_m
        group by s.sid, l.stem, l.aref
        union all
        select s.sid, l.stem, l.aref, count(*) as times
        from f_line as l
        cross join f_param as p
        inner join f_series as s on s.grain = 'base' and s.series = l.base
        where l.m >= p.as_of_m - 13 and l.m < p.as_of_m and not l.interim
        group by s.sid, l.stem, l.aref
    ) as counted
) as ranked
where rank_no = 1;
