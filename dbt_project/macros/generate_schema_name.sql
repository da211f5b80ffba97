{# Schemas are called what the layer is called ('marts', not 'core_marts'): published names are a promise. #}
{% macro generate_schema_name(custom_schema_name, node) -%}
    {{ custom_schema_name | trim if custom_schema_name else target.schema }}
{%- endmacro %}
