{{ published() }}

with {{ members("unit_code") }},

-- Where the municipality delivers an organisation register, a unit that only a ledger file lists is not in the organisation.
registered as (
    select
        member.code as unit_code,
        member.valid_from,
        member.valid_to,
        member.is_current,
        coalesce(member.code_name, member.code) as unit_name,
        member.parent_code,
        member.is_registered and (member.is_dedicated or register.has_dedicated = 0) as is_in_organisation
    from member
    cross join (
        select coalesce(max(case when is_dedicated then 1 else 0 end), 0) as has_dedicated
        from {{ ref("int_register_span") }}
        where code_field = 'unit_code'
    ) as register
),

mentioned as (
    select distinct parent_code as unit_code
    from registered
    where parent_code is not null
    union
    select {{ root_unit() }} as unit_code
    union
    select {{ missing_unit() }} as unit_code
),

everything as (
    select
        unit_code,
        valid_from,
        valid_to,
        is_current,
        unit_name,
        parent_code,
        is_in_organisation
    from registered
    union all
    -- the top unit, the unit of rows without one, and parents that no register describes
    select
        mentioned.unit_code,
        cast('1900-01-01' as date) as valid_from,
        cast('9999-12-31' as date) as valid_to,
        true as is_current,
        case when mentioned.unit_code = {{ root_unit() }} then {{ municipality() }} else mentioned.unit_code end as unit_name,
        cast(null as string) as parent_code,
        false as is_in_organisation
    from mentioned
    left join registered
        on mentioned.unit_code = registered.unit_code
    where registered.unit_code is null
)

select
    unit_code,
    valid_from,
    valid_to,
    is_current,
    unit_name,
    case
        when unit_code = {{ root_unit() }} then null
        else coalesce(nullif(parent_code, unit_code), {{ root_unit() }})
    end as parent_unit_code,
    is_in_organisation or unit_code = {{ root_unit() }} as is_in_organisation
from everything
