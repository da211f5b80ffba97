-- Rows that name their party and lack its number: the number that the name goes with in the same unit and account, else
-- everywhere; a name with a letter or two wrong is the name that the unit and account usually have.
with written as (
    select
        coalesce(unit_code, '') as unit,
        account,
        coalesce(party_name, '') as party_name,
        lower({{ regexp_replace_all("coalesce(party_name, '')", "[^0-9A-Za-zÅÄÖåäöé]", "") }}) as name,
        trim(coalesce(party, '')) as party,
        count(distinct period) as months
    from {{ ref("fct_ledger_line") }}
    where party_name <> ''
    group by unit_code, account, party_name, trim(coalesce(party, ''))
),

usual as (
    select
        unit,
        account,
        name,
        max(months) as months
    from written
    where name <> ''
    group by unit, account, name
),

typo as (
    select
        unit,
        account,
        name,
        meant
    from (
        select
            rare.unit,
            rare.account,
            rare.name,
            usual.name as meant,
            row_number() over (
                partition by rare.unit, rare.account, rare.name
                order by levenshtein(rare.name, usual.name), usual.months desc, usual.name
            ) as place
        from usual as rare
        inner join usual
            on
                rare.unit = usual.unit
                and rare.account = usual.account
                and usual.months >= 3
                and abs(length(rare.name) - length(usual.name)) <= 2
        -- Names that a number or a last letter tells apart ("Bolag 2", "Enhet B") are two.
        where
            rare.months <= 2
            and length(rare.name) >= 8
            and levenshtein(rare.name, usual.name) between 1 and 2
            and substr(rare.name, 1, 1) = substr(usual.name, 1, 1)
            and substr(rare.name, length(rare.name), 1) = substr(usual.name, length(usual.name), 1)
            and {{ regexp_replace_all("rare.name", "[^0-9]", "") }} = {{ regexp_replace_all("usual.name", "[^0-9]", "") }}
    ) as near
    where place = 1
),

-- A name that several numbers share here says nothing, unless one of them has nearly all of it.
here as (
    select
        unit,
        account,
        name,
        party
    from (
        select
            unit,
            account,
            name,
            party,
            sum(months) as months,
            sum(sum(months)) over (partition by unit, account, name) as of_all,
            row_number() over (partition by unit, account, name order by sum(months) desc, party asc) as place
        from written
        where party <> '' and name <> ''
        group by unit, account, name, party
    ) as ranked
    where place = 1 and months >= 0.8 * of_all
)

select distinct
    written.unit,
    written.account,
    written.party_name,
    coalesce(here.party, meant_here.party, everywhere.party, meant_everywhere.party, typo.meant, written.name) as party
from written
left join typo
    on written.unit = typo.unit and written.account = typo.account and written.name = typo.name
left join here
    on written.unit = here.unit and written.account = here.account and written.name = here.name
left join here as meant_here
    on typo.unit = meant_here.unit and typo.account = meant_here.account and typo.meant = meant_here.name
left join {{ ref("findings_party_number") }} as everywhere
    on written.name = everywhere.name
left join {{ ref("findings_party_number") }} as meant_everywhere
    on typo.meant = meant_everywhere.name
where written.party = '' and written.name <> ''
