-- A unit that ended and one that began the month after with most of its accounts and parties are one unit. Units that go on buy
-- from the same suppliers as the new one: one has ended when it books less than half of what it used to.
with busy as (
    select
        item.unit,
        rows_known.m,
        count(*) as n
    from {{ ref("findings_row") }} as rows_known
    inner join {{ ref("findings_item") }} as item
        on rows_known.item_id = item.item_id
    where item.unit <> '' and item.line not in ('balance', '')
    group by item.unit, rows_known.m
),

usual as (
    select
        unit,
        sum(n) / (max(m) - min(m) + 1.0) as n
    from busy
    group by unit
),

last_busy as (
    select
        busy.unit,
        max(busy.m) as last_m
    from busy
    inner join usual
        on busy.unit = usual.unit and busy.n >= 0.5 * usual.n
    group by busy.unit
),

life as (
    select
        used.unit,
        min(used.first_m) as first_m,
        max(last_busy.last_m) as last_m
    from {{ ref("findings_item_use") }} as used
    inner join last_busy
        on used.unit = last_busy.unit
    group by used.unit
),

thing as (
    select distinct
        unit,
        account,
        party_own
    from {{ ref("findings_item_use") }}
    where unit <> '' and party_own <> ''
),

things as (
    select
        unit,
        count(*) as n
    from thing
    group by unit
),

-- Few units begin or end within the ledger; the others are left out before the comparison.
successor as (
    select
        ended.unit as old_unit,
        begun.unit as new_unit
    from life as ended
    inner join life as begun
        on
            begun.first_m between ended.last_m + 1 and ended.last_m + 2
            and begun.first_m > ended.first_m + 2
            and ended.unit <> begun.unit
),

ranked as (
    select
        successor.old_unit,
        successor.new_unit,
        row_number() over (partition by successor.old_unit order by count(*) desc, successor.new_unit asc) as place
    from successor
    inner join thing as old_thing
        on successor.old_unit = old_thing.unit
    inner join thing as new_thing
        on
            successor.new_unit = new_thing.unit
            and old_thing.account = new_thing.account
            and old_thing.party_own = new_thing.party_own
    inner join things
        on successor.new_unit = things.unit
    group by successor.old_unit, successor.new_unit
    having count(*) >= 3 and count(*) >= 0.2 * max(things.n)
)

select
    first_heir.old_unit,
    -- Two reorganisations in a row.
    coalesce(second_heir.new_unit, first_heir.new_unit) as new_unit
from ranked as first_heir
left join ranked as second_heir
    on first_heir.new_unit = second_heir.old_unit and second_heir.place = 1
where first_heir.place = 1
