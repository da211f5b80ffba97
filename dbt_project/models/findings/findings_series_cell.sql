{%- for grain in ("fine", "base") %}
    select
        '{{ grain }}' as grain,
        keys.{{ grain }}_id as series_id,
        cell.m,
        cast(sum(cell.n) as bigint) as n,
        cast(sum(cell.amount) as decimal(18, 2)) as amount,
        cast(sum(cell.amount_plus) as decimal(18, 2)) as amount_plus,
        cast(sum(cell.amount_minus) as decimal(18, 2)) as amount_minus,
        cast(sum(cell.n_plus) as bigint) as n_plus,
        cast(sum(cell.n_minus) as bigint) as n_minus,
        bool_or(cell.is_final) as is_final,
        max(cell.st_offset) as st_offset,
        min(cell.sf_offset) as sf_offset
    from {{ ref("findings_cell") }} as cell
    inner join {{ ref("findings_key") }} as keys
        on cell.key_id = keys.key_id
    {%- if grain == "base" %}
        where not keys.interim
    {%- endif %}
    group by keys.{{ grain }}_id, cell.m
    {%- if not loop.last %}
        union all
    {%- endif %}
{%- endfor %}
