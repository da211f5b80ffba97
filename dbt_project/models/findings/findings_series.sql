with life as (
    select
        grain,
        series_id,
        case when sum(amount) >= 0 then 1 else -1 end as dir,
        count(*) as months,
        min(m) as first_m,
        max(m) as last_m
    from {{ ref("findings_series_cell") }}
    group by grain, series_id
    having count(*) >= 2
),

named as (
    {%- for grain in ("fine", "base") %}
        select
            '{{ grain }}' as grain,
            keys.{{ grain }}_id as series_id,
            max(keys.{{ grain }}) as series,
            max(keys.base) as base,
            max(keys.unit) as unit,
            max(keys.account) as account,
            max(keys.line) as line,
            max(keys.cp) as cp,
            max(keys.party) as party,
            bool_or(keys.internal) as internal,
            bool_or(keys.interim) as interim
        from {{ ref("findings_key") }} as keys
        inner join life
            on life.grain = '{{ grain }}' and keys.{{ grain }}_id = life.series_id
        {%- if grain == "base" %}
            where not keys.interim
        {%- endif %}
        group by keys.{{ grain }}_id
        {%- if not loop.last %}
            union all
        {%- endif %}
    {%- endfor %}
)

select
    row_number() over (order by named.grain, named.series) as sid,
    named.grain,
    named.series_id,
    named.series,
    named.base,
    named.unit,
    named.account,
    named.line,
    named.cp,
    named.party,
    named.internal,
    named.interim,
    life.dir,
    life.months,
    life.first_m,
    life.last_m
from life
inner join named
    on life.grain = named.grain and life.series_id = named.series_id
