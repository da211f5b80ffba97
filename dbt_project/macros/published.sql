{#
  Configuration of a table that BI reads: in the database that is published, its descriptions inside it. (Persisting those of
  the inner models too would cost every run half a second, and nobody opens them without this project at hand.)
#}
{% macro published() -%}
    {{ config(database="reporting", schema="marts", persist_docs={"relation": true, "columns": true}) }}
{%- endmacro %}
