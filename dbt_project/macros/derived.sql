{# A table that Python reckoned before dbt (`derived/<table>.parquet`, orchestration/people/costs.py). In a unit test, the fixture. #}
{% macro derived_source(table) -%}
    {{ adapter.dispatch("derived_source", "avvik")(table, source("derived", table)) }}
{%- endmacro %}

{% macro default__derived_source(table, relation) -%} {{ relation }} {%- endmacro %}

{% macro duckdb__derived_source(table, relation) -%}
    {%- if not execute or relation.is_cte -%}
        {{ relation }}
    {%- else -%}
        read_parquet('{{ (env_var("AVVIK_HOME") ~ "/derived/" ~ table ~ ".parquet") | replace("'", "''") }}')
    {%- endif -%}
{%- endmacro %}
