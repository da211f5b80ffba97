with counted as (
    {%- for grain in ("fine", "base") %}
        select
            series.sid,
            keys.stem,
            keys.aref,
            sum(cell.n) as times
        from {{ ref("findings_cell") }} as cell
        cross join {{ ref("findings_close") }} as this_close
        inner join {{ ref("findings_key") }} as keys
            on cell.key_id = keys.key_id
        inner join {{ ref("findings_series") }} as series
            on series.grain = '{{ grain }}' and keys.{{ grain }}_id = series.series_id
        where
            cell.m >= this_close.as_of_m - 13
            and cell.m < this_close.as_of_m
            {%- if grain == "base" %}
                and not keys.interim
            {%- endif %}
        group by series.sid, keys.stem, keys.aref
        {%- if not loop.last %}
            union all
        {%- endif %}
    {%- endfor %}
)

select
    sid,
    stem as stem_of,
    aref as aref_of
from (
    select
        counted.*,
        row_number() over (partition by sid order by times desc, stem asc, aref asc) as place
    from counted
) as ranked
where place = 1
