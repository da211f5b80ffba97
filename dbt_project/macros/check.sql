{#
  Configuration of a singular test: the asset it is shown on, and what it tells the user for each failing row, in Swedish and
  English with the row's columns in braces. The failing rows are kept in the warehouse's schema `failures`.
#}
{% macro check(asset, sv, en, severity="error") -%}
    {{ config(
        severity=severity,
        store_failures=true,
        meta={"dagster": {"ref": {"name": asset}}, "message_sv": sv, "message_en": en},
    ) }}
{%- endmacro %}
