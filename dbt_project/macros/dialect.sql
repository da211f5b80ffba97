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

{# A regular expression as a literal: Spark unescapes a plain literal, DuckDB does not. #}
{% macro regexp_literal(pattern) -%} {{ adapter.dispatch("regexp_literal", "avvik")(pattern) }} {%- endmacro %}

{% macro default__regexp_literal(pattern) -%} r'{{ pattern }}' {%- endmacro %}

{% macro duckdb__regexp_literal(pattern) -%} '{{ pattern }}' {%- endmacro %}

{# The text with every match replaced. #}
{% macro regexp_replace_all(text, pattern, replacement) -%}
    {{ adapter.dispatch("regexp_replace_all", "avvik")(text, pattern, replacement) }}
{%- endmacro %}

{% macro default__regexp_replace_all(text, pattern, replacement) -%}
    regexp_replace({{ text }}, {{ regexp_literal(pattern) }}, '{{ replacement }}')
{%- endmacro %}

{% macro duckdb__regexp_replace_all(text, pattern, replacement) -%}
    regexp_replace({{ text }}, {{ regexp_literal(pattern) }}, '{{ replacement }}', 'g')
{%- endmacro %}

{# The first group of the first match, '' where there is none. #}
{% macro regexp_group(text, pattern) -%} regexp_extract({{ text }}, {{ regexp_literal(pattern) }}, 1) {%- endmacro %}

{# The same as a whole number, null where there is none. #}
{% macro regexp_whole_number(text, pattern) -%}
    try_cast(nullif({{ regexp_group(text, pattern) }}, '') as integer)
{%- endmacro %}

{# True where the text matches anywhere. #}
{% macro regexp_found(text, pattern) -%} {{ adapter.dispatch("regexp_found", "avvik")(text, pattern) }} {%- endmacro %}

{% macro default__regexp_found(text, pattern) -%} regexp_like({{ text }}, {{ regexp_literal(pattern) }}) {%- endmacro %}

{% macro duckdb__regexp_found(text, pattern) -%} regexp_matches({{ text }}, {{ regexp_literal(pattern) }}) {%- endmacro %}

{# A text as a whole number, null where it is none. #}
{% macro whole_number(text) -%} try_cast({{ text }} as bigint) {%- endmacro %}

{# Days from the first date to the second. #}
{% macro days_between(first, second) -%} {{ adapter.dispatch("days_between", "avvik")(first, second) }} {%- endmacro %}

{% macro default__days_between(first, second) -%} datediff({{ second }}, {{ first }}) {%- endmacro %}

{% macro duckdb__days_between(first, second) -%} date_diff('day', {{ first }}, {{ second }}) {%- endmacro %}

{# Months since the year 0 of 'YYYY-MM' and of a date: differences of months are plain subtraction. #}
{% macro month_number_of_period(period) -%}
    (cast(substr({{ period }}, 1, 4) as integer) * 12 + cast(substr({{ period }}, 6, 2) as integer) - 1)
{%- endmacro %}

{% macro month_number_of_date(date) -%}
    (cast(extract(year from {{ date }}) as integer) * 12 + cast(extract(month from {{ date }}) as integer) - 1)
{%- endmacro %}
