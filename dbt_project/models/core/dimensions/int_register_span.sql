-- 1. All registers in one shape.
with entry as (
    select
        load_id,
        source_row,
        'account' as code_field,
        account as code,
        account_name as code_name,
        cast(null as string) as parent_code,
        account_type,
        valid_from,
        valid_to
    from {{ ref("stg_raw__accounts") }}
    union all
    select
        load_id,
        source_row,
        'unit_code' as code_field,
        unit_code as code,
        unit_name as code_name,
        parent_unit_code as parent_code,
        cast(null as string) as account_type,
        valid_from,
        valid_to
    from {{ ref("stg_raw__units") }}
    union all
    select
        load_id,
        source_row,
        case when code_field = 'unit' then 'unit_code' else code_field end as code_field,
        code,
        code_name,
        parent_code,
        cast(null as string) as account_type,
        valid_from,
        valid_to
    from {{ ref("stg_raw__dimension_values") }}
),

-- 2. From when to when each delivery of a register speaks. A register with dates tells its whole history: the newest counts
--    alone. One without is a snapshot, valid from its delivery month until the next delivery; the first since ever.
register as (
    select
        entry.load_id,
        entry.code_field,
        loads.scope,
        loads.sequence,
        loads.delivery,
        loads.kind in ('chart', 'organisation', 'dimension') as is_dedicated,
        max(case when entry.valid_from is not null then 1 else 0 end) as is_dated
    from entry
    inner join {{ ref("stg_raw__loads") }} as loads
        on entry.load_id = loads.load_id
    group by entry.load_id, entry.code_field, loads.scope, loads.sequence, loads.delivery, loads.kind
),

register_ranked as (
    select
        register.*,
        row_number() over (
            partition by code_field, scope, delivery
            order by sequence desc, load_id
        ) as place_in_delivery,
        first_value(is_dated) over (
            partition by code_field, scope
            order by sequence desc, load_id
        ) as newest_is_dated,
        max(sequence) over (partition by code_field, scope) as newest_sequence
    from register
),

delivered as (
    select
        load_id,
        code_field,
        scope,
        is_dedicated,
        newest_sequence,
        case
            when newest_is_dated = 1 or lag(delivery) over (partition by code_field, scope order by delivery) is null
                then cast('1900-01-01' as date)
            else cast(delivery || '-01' as date)
        end as register_from,
        coalesce(
            {{ day_before("cast(lead(delivery) over (partition by code_field, scope order by delivery) || '-01' as date)") }},
            cast('9999-12-31' as date)
        ) as register_to
    from register_ranked
    where
        (newest_is_dated = 1 and sequence = newest_sequence)
        or (newest_is_dated = 0 and is_dated = 0 and place_in_delivery = 1)
),

-- 3. A code that several registers list is described by one of them: a register proper before a ledger file's own list, then
--    the newest.
source_of_code as (
    select
        entry.code_field,
        entry.code,
        delivered.scope,
        row_number() over (
            partition by entry.code_field, entry.code
            order by
                max(case when delivered.is_dedicated then 1 else 0 end) desc,
                max(delivered.newest_sequence) desc,
                delivered.scope
        ) as place
    from entry
    inner join delivered
        on entry.load_id = delivered.load_id and entry.code_field = delivered.code_field
    group by entry.code_field, entry.code, delivered.scope
),

described as (
    select
        entry.code_field,
        entry.code,
        entry.code_name,
        entry.parent_code,
        entry.account_type,
        delivered.is_dedicated,
        greatest(coalesce(entry.valid_from, delivered.register_from), delivered.register_from) as valid_from,
        least(coalesce(entry.valid_to, delivered.register_to), delivered.register_to) as valid_to,
        -- of rows that start on the same day, the last one in the file
        row_number() over (
            partition by
                entry.code_field, entry.code,
                greatest(coalesce(entry.valid_from, delivered.register_from), delivered.register_from)
            order by entry.source_row desc
        ) as place
    from entry
    inner join delivered
        on entry.load_id = delivered.load_id and entry.code_field = delivered.code_field
    inner join source_of_code
        on
            entry.code_field = source_of_code.code_field
            and entry.code = source_of_code.code
            and delivered.scope = source_of_code.scope
            and source_of_code.place = 1
),

-- 4. A later row ends the one before it, and spans that say the same and touch are one.
ended as (
    select
        code_field,
        code,
        code_name,
        parent_code,
        account_type,
        is_dedicated,
        valid_from,
        least(
            valid_to,
            coalesce(
                {{ day_before("lead(valid_from) over (partition by code_field, code order by valid_from)") }},
                cast('9999-12-31' as date)
            )
        ) as valid_to
    from described
    where place = 1
),

marked as (
    select
        ended.*,
        case
            when
                lag(valid_to) over by_code = {{ day_before("valid_from") }}
                and coalesce(lag(code_name) over by_code, '') = coalesce(code_name, '')
                and coalesce(lag(parent_code) over by_code, '') = coalesce(parent_code, '')
                and coalesce(lag(account_type) over by_code, '') = coalesce(account_type, '')
                then 0
            else 1
        end as is_new
    from ended
    window by_code as (partition by code_field, code order by valid_from)
),

numbered as (
    select
        marked.*,
        sum(is_new) over (
            partition by code_field, code
            order by valid_from
            rows between unbounded preceding and current row
        ) as span_number
    from marked
)

select
    code_field,
    code,
    max(code_name) as code_name,
    max(parent_code) as parent_code,
    max(account_type) as account_type,
    min(valid_from) as valid_from,
    max(valid_to) as valid_to,
    max(valid_from) = max(max(valid_from)) over (partition by code_field, code) as is_current,
    coalesce(max(case when is_dedicated then 1 else 0 end) = 1, false) as is_dedicated
from numbered
group by code_field, code, span_number
