-- One row per ledger row known at the close: codes made comparable, text reduced to its stem, what the text says of its period.
-- Parameters stand in f_param (one row). Portable apart from regexp_replace's 'g' and temp tables: dispatch these on another engine.
create or replace temp table f_raw as
select
    row_number() over (order by l.load_id, l.source_row) as rid,
    l.load_id,
    l.source_file,
    l.source_row,
    cast(substr(l.period, 1, 4) as integer) * 12 + cast(substr(l.period, 6, 2) as integer) - 1 as m,
    coalesce(l.voucher_series, '') as voucher_series,
    coalesce(l.voucher_number, '') as voucher_number,
    l.voucher_date,
    l.transaction_date,
    l.registration_date,
    l.account,
    l.amount,
    coalesce(l.unit_code, '') as unit,
    coalesce(l.counterparty, '') as cp_own,
    l.counterparty_group = 'internal' as internal,
    l.report_line as line,
    lower(trim(coalesce(nullif(l.row_text, ''), l.voucher_text, ''))) as txt,
    coalesce(nullif(trim(l.party), ''), lower(regexp_replace(coalesce(l.party_name, ''), '[^0-9A-Za-zÅÄÖåäöé]', '', 'g'))) as party_own,
    coalesce(l.party_name, '') as party_name,
    ltrim(upper(regexp_replace(coalesce(l.reference, ''), '[^0-9A-Za-zÅÄÖåäö]', '', 'g')), '0') as ref,
    coalesce(l.reference, '') as ref_own,
    cast(extract(year from l.service_from) as integer) * 12 + cast(extract(month from l.service_from) as integer) - 1 as sf_own,
    cast(extract(year from l.service_to) as integer) * 12 + cast(extract(month from l.service_to) as integer) - 1 as st_own
from fct_ledger_line as l
cross join f_param as p
where
    cast(substr(l.period, 1, 4) as integer) * 12 + cast(substr(l.period, 6, 2) as integer) - 1 between p.first_m and p.as_of_m
    and (p.known_on is null or l.registration_date is null or l.registration_date <= p.known_on);

-- Vouchers that touch an interim account: accruals, their reversals, and prepaid items being spread.
create or replace temp table f_interim as
select distinct r.m, r.voucher_series, r.voucher_number
from f_raw as r
inner join f_interim_prefix as i on starts_with(r.account, i.prefix)
where r.line = 'balance';

create or replace temp table f_text as
with words as (
    select
        txt,
        regexp_replace(
            regexp_replace(
                regexp_replace(txt, '[^a-zåäöéü ]', ' ', 'g'),
                '\b(januari|februari|mars|april|maj|juni|juli|augusti|september|oktober|november|december|jan|feb|mar|apr|jun|jul|aug|sep|sept|okt|nov|dec|kv|kvartal|q|avser|avs|faktura|fakt|fakturanr|nr|perioden|period|retroaktivt|retro|upplupen|upplupna|periodisering|period|uppbokning|kredit|kreditfaktura|omfakturering|slutfaktura)\b',
                ' ', 'g'
            ),
            '(återföring|återför)', ' ', 'g'
        ) as w
    from (select distinct txt from f_raw where line <> 'balance') as t
)

select
    words.txt,
    trim(regexp_replace(regexp_replace(words.w, '(^| )[a-zåäöéü]( |$)', ' ', 'g'), ' +', ' ', 'g')) as stem,
    try_cast(nullif(regexp_extract(words.txt, '(?:^|[^0-9])(20[0-9]{2})[-/.]?(?:0[1-9]|1[0-2])(?:[^0-9]|$)', 1), '') as integer) as iso_year,
    try_cast(nullif(regexp_extract(words.txt, '(?:^|[^0-9])20[0-9]{2}[-/.]?(0[1-9]|1[0-2])(?:[^0-9]|$)', 1), '') as integer) as iso_month,
    try_cast(nullif(regexp_extract(words.txt, '(?:0[1-9]|1[0-2])[^0-9]+(20[0-9]{2})[-/.]?(?:0[1-9]|1[0-2])(?:[^0-9]|$)', 1), '') as integer) as iso_year_to,
    try_cast(nullif(regexp_extract(words.txt, '(?:0[1-9]|1[0-2])[^0-9]+20[0-9]{2}[-/.]?(0[1-9]|1[0-2])(?:[^0-9]|$)', 1), '') as integer) as iso_month_to,
    try_cast(nullif(regexp_extract(words.txt, '(?:^|[^0-9])(0[1-9]|1[0-2])/[0-9]{2}(?:[^0-9]|$)', 1), '') as integer) as slash_month,
    try_cast(nullif(regexp_extract(words.txt, '(?:^|[^0-9])(?:0[1-9]|1[0-2])/([0-9]{2})(?:[^0-9]|$)', 1), '') as integer) as slash_year,
    nullif(regexp_extract(words.txt, '\b(jan|feb|mar|apr|maj|jun|jul|aug|sep|okt|nov|dec)[a-z]*', 1), '') as name_from,
    nullif(regexp_extract(words.txt, '\b(?:jan|feb|mar|apr|maj|jun|jul|aug|sep|okt|nov|dec)[a-z]* ?(?:20[0-9]{2})? ?(?:-|till|t o m|tom) ?(jan|feb|mar|apr|maj|jun|jul|aug|sep|okt|nov|dec)', 1), '') as name_to,
    try_cast(nullif(regexp_extract(words.txt, '\b(?:kv|kvartal|q) ?\.?([1-4])', 1), '') as integer) as quarter,
    try_cast(nullif(regexp_extract(words.txt, '(?:^|[^0-9/-])(20[0-9]{2})(?:[^0-9/-]|$)', 1), '') as integer) as bare_year,
    regexp_matches(words.txt, '(helår|\bår|avser) ?20[0-9]{2}( |$)') as whole_year,
    regexp_matches(words.txt, '(slutfaktura|slutreglering|sista faktur|avslut|upphör|uppsagd|uppsägning)') as is_final,
    regexp_matches(words.txt, '(kredit|återföring|rättelse|makul|omfakt|felaktig)') as is_credit,
    regexp_matches(words.txt, '(samling|samlad|flera avtal)') as is_lump
from words;

create or replace temp table f_text_period as
with numbered as (
    select
        t.*,
        case t.name_from
            when 'jan' then 1 when 'feb' then 2 when 'mar' then 3 when 'apr' then 4 when 'maj' then 5 when 'jun' then 6
            when 'jul' then 7 when 'aug' then 8 when 'sep' then 9 when 'okt' then 10 when 'nov' then 11 when 'dec' then 12
        end as month_from,
        case t.name_to
            when 'jan' then 1 when 'feb' then 2 when 'mar' then 3 when 'apr' then 4 when 'maj' then 5 when 'jun' then 6
            when 'jul' then 7 when 'aug' then 8 when 'sep' then 9 when 'okt' then 10 when 'nov' then 11 when 'dec' then 12
        end as month_to
    from f_text as t
)

select
    txt, stem, is_final, is_credit, is_lump,
    -- year, first and last month (1-12) that the text speaks of; the year is null where it does not say
    coalesce(iso_year, 2000 + slash_year, bare_year) as said_year,
    coalesce(iso_month, slash_month, month_from, quarter * 3 - 2, case when whole_year then 1 end) as said_from,
    coalesce(iso_month_to, iso_month, slash_month, month_to, month_from, quarter * 3, case when whole_year then 12 end) as said_to,
    iso_year_to as said_year_to,
    name_from is not null and not regexp_matches(txt, '\b(jan|januari|feb|februari|mar|mars|apr|april|maj|jun|juni|jul|juli|aug|augusti|sep|sept|september|okt|oktober|nov|november|dec|december)\b') as not_a_month
from numbered;

-- The counterparty that a party usually has fills the rows where the clerk left it out.
create or replace temp table f_party_cp as
select party, cp from (
    select
        party_own as party, cp_own as cp,
        row_number() over (partition by party_own order by count(*) desc, cp_own asc) as rank_no
    from f_raw
    where party_own <> '' and cp_own <> '' and line <> 'balance'
    group by party_own, cp_own
) as ranked
where rank_no = 1;

-- Where neither row nor party says, the counterparty that nearly all rows of the unit and account have.
create or replace temp table f_account_cp as
select unit, account, cp from (
    select
        unit, account, cp_own as cp, count(*) as times, sum(count(*)) over (partition by unit, account) as of_all,
        row_number() over (partition by unit, account order by count(*) desc, cp_own asc) as rank_no
    from f_raw
    where cp_own <> '' and line <> 'balance'
    group by unit, account, cp_own
) as ranked
where rank_no = 1 and times >= 0.8 * of_all;

-- Reorganisations: a unit that ended and one that began the month after with most of its accounts and parties are one unit.
create or replace temp table f_unit_life as
select unit, min(m) as first_m, max(m) as last_m, count(distinct account || '|' || party_own) as things
from f_raw where line <> 'balance' and unit <> '' group by unit;

create or replace temp table f_unit_thing as
select distinct unit, account || '|' || party_own as thing from f_raw where line <> 'balance' and unit <> '' and party_own <> '';

create or replace temp table f_unit_heir as
select old_unit, new_unit from (
    select
        o.unit as old_unit, n.unit as new_unit, count(*) as shared,
        row_number() over (partition by o.unit order by count(*) desc, n.unit asc) as rank_no
    from f_unit_life as o
    inner join f_unit_life as n on n.first_m between o.last_m and o.last_m + 2 and n.first_m > o.first_m + 2 and o.unit <> n.unit
    inner join f_unit_thing as a on o.unit = a.unit
    inner join f_unit_thing as b on n.unit = b.unit and a.thing = b.thing
    group by o.unit, n.unit
    having count(*) >= 3
) as ranked
where rank_no = 1;

create or replace temp table f_line_0 as
with placed as (
    select
        r.* replace (coalesce(h2.new_unit, h.new_unit, r.unit) as unit),
        coalesce(nullif(r.cp_own, ''), pc.cp, ac.cp, '') as cp,
        t.stem, t.is_final, t.is_credit, t.is_lump,
        i.m is not null as interim,
        case when t.not_a_month then null else t.said_from end as said_from,
        case when t.not_a_month then null else t.said_to end as said_to,
        t.said_year, t.said_year_to
    from f_raw as r
    left join f_text_period as t on r.txt = t.txt
    left join f_party_cp as pc on r.party_own = pc.party
    left join f_account_cp as ac on r.unit = ac.unit and r.account = ac.account
    left join f_unit_heir as h on r.unit = h.old_unit
    left join f_unit_heir as h2 on h.new_unit = h2.old_unit
    left join f_interim as i on r.m = i.m and r.voucher_series = i.voucher_series and r.voucher_number = i.voucher_number
    where r.line <> 'balance'
),

dated as (
    select
        *,
        case
            when said_from is null then null
            when said_year is not null then said_year * 12 + said_from - 1
            -- no year said: the nearest one that is at most eight months back and three ahead
            else m - ((m - (said_from - 1)) % 12 + 12) % 12 + case when ((m - (said_from - 1)) % 12 + 12) % 12 > 8 then 12 else 0 end
        end as said_first
    from placed
)

select
    *,
    case
        when said_first is null then null
        when said_year_to is not null then said_year_to * 12 + said_to - 1
        else said_first + ((said_to - said_from) % 12 + 12) % 12
    end as said_last,
    coalesce(sf_own, said_first) as sf,
    coalesce(st_own, case
        when said_first is null then null
        when said_year_to is not null then said_year_to * 12 + said_to - 1
        else said_first + ((said_to - said_from) % 12 + 12) % 12
    end) as st
from dated;
