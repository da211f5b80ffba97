-- A name that several numbers share says nothing, unless one of them has nearly all of it.
with written as (
    select
        lower({{ regexp_replace_all("coalesce(party_name, '')", "[^0-9A-Za-zÅÄÖåäöé]", "") }}) as name,
        trim(coalesce(party, '')) as party,
        count(*) as times
    from {{ ref("fct_ledger_line") }}
    where party_name <> '' and trim(coalesce(party, '')) <> ''
    group by party_name, trim(coalesce(party, ''))
),

ranked as (
    select
        name,
        party,
        sum(times) as times,
        sum(sum(times)) over (partition by name) as of_all,
        row_number() over (partition by name order by sum(times) desc, party asc) as place
    from written
    group by name, party
)

select
    name,
    party
from ranked
where place = 1 and times >= 0.8 * of_all and name <> ''
