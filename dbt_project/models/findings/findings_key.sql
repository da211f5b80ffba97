-- 1. A party left out is found by the agreement number, else by a text that only one party of the unit and account uses, of
-- those with the same counterparty if there are such.
with used as (
    select distinct
        key_id,
        item_id,
        interim,
        ref_no
    from {{ ref("findings_cell") }}
),

{% for name, cp in [("stem_party", ""), ("stem_cp_party", "placed.cp,")] %}
    {{ name }} as (
        select
            placed.place_id,
            placed.stem,
            {{ cp }}
            max(placed.party_own) as party
        from {{ ref("findings_cell") }} as cell
        inner join {{ ref("findings_item_placed") }} as placed
            on cell.item_id = placed.item_id
        where placed.party_own <> '' and placed.stem <> '' and not cell.interim
        group by placed.place_id, {{ cp }} placed.stem
        having min(placed.party_own) = max(placed.party_own) and count(distinct cell.m) >= 3
    ),
{% endfor %}

named as (
    select
        used.key_id,
        used.interim,
        placed.unit,
        placed.account,
        placed.line,
        placed.internal,
        placed.stem,
        placed.cp,
        coalesce(
            nullif(placed.party_own, ''), nullif(reference.party, ''),
            case when not used.interim then coalesce(stem_cp_party.party, stem_party.party) end, ''
        ) as party,
        coalesce(reference.ref, '') as aref
    from used
    inner join {{ ref("findings_item_placed") }} as placed
        on used.item_id = placed.item_id
    left join {{ ref("findings_reference") }} as reference
        on used.ref_no = reference.ref_no
    left join stem_party
        on placed.place_id = stem_party.place_id and placed.stem = stem_party.stem
    left join stem_cp_party
        on
            placed.place_id = stem_cp_party.place_id
            and placed.stem = stem_cp_party.stem
            and placed.cp = stem_cp_party.cp
),

-- 2. The coarse series: unit, account and who.
based as (
    select
        named.key_id,
        named.interim,
        named.unit,
        named.account,
        named.line,
        named.internal,
        named.stem,
        coalesce(nullif(named.cp, ''), party_cp.cp, '') as cp,
        named.party,
        named.aref,
        named.unit || '|' || named.account || '|' || case
            when named.interim then 'interim'
            when named.party <> '' then 'p' || named.party
            else 'c' || named.cp
        end as base
    from named
    left join {{ ref("findings_party_cp") }} as party_cp
        on named.party = party_cp.party
),

base_number as (
    select
        base,
        min(key_id) as base_id
    from based
    group by base
),

numbered as (
    select
        based.*,
        base_number.base_id
    from based
    inner join base_number
        on based.base = base_number.base
),

-- 3. A stem that one agreement number owns stands for it where the number is left out; a misspelt stem for the right one.
stem_ref as (
    select
        base_id,
        stem,
        max(aref) as aref
    from numbered
    where aref <> '' and stem <> ''
    group by base_id, stem
    having min(aref) = max(aref)
),

stem_seen as (
    select
        base_id,
        stem,
        count(*) as months
    from (
        select distinct
            numbered.base_id,
            numbered.stem,
            cell.m
        from numbered
        inner join {{ ref("findings_cell") }} as cell
            on numbered.key_id = cell.key_id
        where numbered.stem <> '' and numbered.aref = ''
    ) as stem_month
    group by base_id, stem
),

stem_typo as (
    select
        rare.base_id,
        rare.stem as written,
        usual.stem,
        row_number() over (
            partition by rare.base_id, rare.stem
            order by levenshtein(rare.stem, usual.stem), usual.months desc, usual.stem
        ) as place
    from stem_seen as rare
    inner join stem_seen as usual
        on rare.base_id = usual.base_id and usual.months >= 3 and abs(length(rare.stem) - length(usual.stem)) <= 2
    where rare.months <= 2 and length(rare.stem) >= 5 and levenshtein(rare.stem, usual.stem) <= 2
),

-- 4. The fine series: the coarse one and its agreement number or stem.
fine as (
    select
        numbered.*,
        numbered.base || '|' || case
            when numbered.aref <> '' then 'R' || numbered.aref
            when stem_ref.aref is not null then 'R' || stem_ref.aref
            when stem_typo.stem is not null then 'T' || stem_typo.stem
            else 'T' || numbered.stem
        end as fine
    from numbered
    left join stem_ref
        on numbered.base_id = stem_ref.base_id and numbered.stem = stem_ref.stem
    left join stem_typo
        on numbered.base_id = stem_typo.base_id and numbered.stem = stem_typo.written and stem_typo.place = 1
),

-- 5. A series is numbered by the smallest key in it.
fine_number as (
    select
        fine,
        min(key_id) as fine_id
    from fine
    group by fine
)

select
    fine.key_id,
    fine.interim,
    fine.unit,
    fine.account,
    fine.line,
    fine.internal,
    fine.stem,
    fine.cp,
    fine.party,
    fine.aref,
    fine.base,
    fine.fine,
    fine.base_id,
    fine_number.fine_id
from fine
inner join fine_number
    on fine.fine = fine_number.fine
