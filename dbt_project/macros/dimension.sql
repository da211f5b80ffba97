{#
  Common table expressions that end in `member`: the codes of one code field, from the registers and, for codes that are used
  but stand in no register, from the amounts themselves (is_registered false, valid for ever).
#}
{% macro members(code_field) %}
member as (
    select
        spans.code, spans.code_name, spans.parent_code, spans.account_type, spans.valid_from, spans.valid_to,
        spans.is_current, spans.is_dedicated, true as is_registered
    from {{ ref("int_register_span") }} as spans
    where spans.code_field = '{{ code_field }}'
    union all
    select
        used.code,
        cast(null as string) as code_name,
        cast(null as string) as parent_code,
        cast(null as string) as account_type,
        cast('1900-01-01' as date) as valid_from,
        cast('9999-12-31' as date) as valid_to,
        true as is_current,
        false as is_dedicated,
        false as is_registered
    from {{ ref("int_used_code") }} as used
    left join {{ ref("int_register_span") }} as spans
        on used.code_field = spans.code_field and used.code = spans.code
    where used.code_field = '{{ code_field }}' and spans.code is null
)
{% endmacro %}
