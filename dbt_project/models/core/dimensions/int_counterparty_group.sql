-- The municipality's own ranges replace the shipped ones entirely.
with own as (
    select
        groups.prefix_from,
        groups.prefix_to,
        groups.counterparty_group,
        rank() over (order by loads.sequence desc) as place
    from {{ ref("stg_raw__counterparty_groups") }} as groups
    inner join {{ ref("stg_raw__loads") }} as loads
        on groups.load_id = loads.load_id
),

prefix_range as (
    select
        prefix_from,
        prefix_to,
        counterparty_group
    from own
    where place = 1
    union all
    select
        cast(prefix_from as string) as prefix_from,
        cast(prefix_to as string) as prefix_to,
        counterparty_group
    from {{ ref("counterparty_group") }}
    where not exists (select 1 from own)
),

known as (
    select code
    from {{ ref("int_used_code") }}
    where code_field = 'counterparty'
    union
    select code
    from {{ ref("int_register_span") }}
    where code_field = 'counterparty'
),

matched as (
    select
        known.code as counterparty,
        prefix_range.counterparty_group,
        row_number() over (
            partition by known.code
            order by length(prefix_range.prefix_from) desc, prefix_range.prefix_from, prefix_range.counterparty_group
        ) as place
    from known
    left join prefix_range
        on
            length(known.code) >= length(prefix_range.prefix_from)
            and substr(known.code, 1, length(prefix_range.prefix_from))
            between prefix_range.prefix_from and prefix_range.prefix_to
)

select
    counterparty,
    coalesce(counterparty_group, 'external') as counterparty_group,
    counterparty_group is not null as is_in_range
from matched
where place = 1
