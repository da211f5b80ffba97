{% set fields = ["account", "unit_code", "activity", "project", "counterparty"] %}

-- One pass over the ledger lines for all code fields.
with used as (
    select
        {% for field in fields %}
            {{ field }},
            grouping({{ field }}) as is_not_{{ field }},
        {% endfor %}
        min(period) as first_period,
        max(period) as last_period
    from {{ ref("stg_raw__ledger_lines") }}
    group by grouping sets (
        {% for field in fields %}
            ({{ field }}){% if not loop.last %},{% endif %}
        {% endfor %}
    )
),

code as (
    {% for field in fields %}
        select '{{ field }}' as code_field, {{ field }} as code, first_period, last_period
        from used
        where is_not_{{ field }} = 0
        union all
        select '{{ field }}' as code_field, {{ field }} as code, period as first_period, period as last_period
        from {{ ref("stg_raw__period_balances") }}
        union all
        select
            '{{ field }}' as code_field,
            {{ field }} as code,
            {{ period_name("extract(year from year_start)", "extract(month from year_start)") }} as first_period,
            {{ period_name("extract(year from year_end)", "extract(month from year_end)") }} as last_period
        from {{ ref("stg_raw__year_balances") }}
        where label = 'RES'
        {% for model in ["stg_raw__budget_lines", "stg_raw__forecast_lines"] %}
            union all
            select
                '{{ field }}' as code_field,
                {{ field }} as code,
                coalesce(period, cast(fiscal_year as string) || '-01') as first_period,
                coalesce(period, cast(fiscal_year as string) || '-12') as last_period
            from {{ ref(model) }}
        {% endfor %}
        {% if not loop.last %}union all{% endif %}
    {% endfor %}
    union all
    -- units that only the HR exports know
    select
        'unit_code' as code_field,
        unit_code as code,
        period as first_period,
        period as last_period
    from {{ ref("stg_derived__people_months") }}
)

select
    code_field,
    code,
    min(first_period) as first_period,
    max(last_period) as last_period
from code
where code is not null
group by code_field, code
