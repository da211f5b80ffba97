{# Everything that differs between engines. The models themselves are plain SQL for DuckDB and Spark. #}

{# The raw table of an entity: the Parquet files of all its loads. In a unit test, the fixture. #}
{% macro raw_source(entity) -%}
    {{ adapter.dispatch("raw_source", "avvik")(entity, source("raw", entity)) }}
{%- endmacro %}

{% macro default__raw_source(entity, relation) -%} {{ relation }} {%- endmacro %}

{% macro duckdb__raw_source(entity, relation) -%}
    {%- if not execute or relation.is_cte -%}
        {{ relation }}
    {%- else -%}
        {%- set files = entity ~ ".parquet" if entity in ("load", "load_entity") else entity ~ "/*.parquet" -%}
        read_parquet('{{ (env_var("AVVIK_HOME") ~ "/raw/" ~ files) | replace("'", "''") }}')
    {%- endif -%}
{%- endmacro %}

{# Whole-number division, towards zero. #}
{% macro int_divide(dividend, divisor) -%}
    {{ adapter.dispatch("int_divide", "avvik")(dividend, divisor) }}
{%- endmacro %}

{% macro default__int_divide(dividend, divisor) -%} ({{ dividend }}) div ({{ divisor }}) {%- endmacro %}

{% macro duckdb__int_divide(dividend, divisor) -%} ({{ dividend }}) // ({{ divisor }}) {%- endmacro %}

{# The day before a date. #}
{% macro day_before(date) -%} {{ adapter.dispatch("day_before", "avvik")(date) }} {%- endmacro %}

{% macro default__day_before(date) -%} date_sub({{ date }}, 1) {%- endmacro %}

{% macro duckdb__day_before(date) -%} ({{ date }} - 1) {%- endmacro %}

{# 'YYYY-MM' of a year and a month number. #}
{% macro period_name(year, month) -%}
    cast({{ year }} as string) || '-' || substr(cast(100 + {{ month }} as string), 2, 2)
{%- endmacro %}

{# A twelfth of an amount in whole öre, towards zero. #}
{% macro twelfth(amount) -%}
    cast(cast({{ int_divide("cast(" ~ amount ~ " * 100 as bigint)", 12) }} as decimal(18, 0)) * cast(0.01 as decimal(3, 2)) as decimal(18, 2))
{%- endmacro %}
