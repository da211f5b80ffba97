{#
  Common table expressions that end in `ancestor`: every member of a hierarchy with itself (distance 0) and each member above it.

  parents: a common table expression with {key}, {parent} (null at the top) and the columns of `within`, inside which the
  hierarchy holds. A fixed number of levels instead of recursion, which not every engine has; a member that does not reach
  the top within them is found by the data tests.
#}
{% macro ancestors(parents, key, parent, within=[], levels=10) %}
level_0 as (
    select {% for column in within %}{{ column }}, {% endfor %}{{ key }}, {{ key }} as ancestor_{{ key }}, 0 as distance
    from {{ parents }}
),
{% for level in range(1, levels + 1) %}
level_{{ level }} as (
    select
        {% for column in within %}below.{{ column }}, {% endfor %}
        below.{{ key }}, {{ parents }}.{{ parent }} as ancestor_{{ key }}, {{ level }} as distance
    from level_{{ level - 1 }} as below
    inner join {{ parents }}
        on below.ancestor_{{ key }} = {{ parents }}.{{ key }}
        {% for column in within %} and below.{{ column }} = {{ parents }}.{{ column }}{% endfor %}
    where {{ parents }}.{{ parent }} is not null
),
{% endfor %}
ancestor as (
    {% for level in range(levels + 1) %}
    select {% for column in within %}{{ column }}, {% endfor %}{{ key }}, ancestor_{{ key }}, distance from level_{{ level }}
    {% if not loop.last %}union all{% endif %}
    {% endfor %}
)
{% endmacro %}
