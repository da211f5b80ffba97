{#
  The settings that reach the models, as SQL literals, from the environment (AVVIK_… , set from avvik.toml).

  They are read when a model runs and not when the project is parsed, so that one parsed manifest serves every home folder.
#}
{% macro setting(name, default) -%}
    {{ (env_var(name, default) if execute else default) }}
{%- endmacro %}

{% macro root_unit() -%} '{{ setting("AVVIK_ROOT_UNIT", "KOMMUN") | replace("'", "''") }}' {%- endmacro %}

{% macro municipality() -%} '{{ setting("AVVIK_MUNICIPALITY", "Kommunen") | replace("'", "''") }}' {%- endmacro %}

{# First month of the fiscal year, 1 to 12. #}
{% macro fiscal_year_start() -%} {{ setting("AVVIK_FISCAL_YEAR_START", "1") | int }} {%- endmacro %}

{# The unit code of rows without a unit. #}
{% macro missing_unit() -%} '(saknas)' {%- endmacro %}

{# The account of a budget that is stated by report line. #}
{% macro missing_account() -%} '(saknas)' {%- endmacro %}
