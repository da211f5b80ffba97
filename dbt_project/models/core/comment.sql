{{ published() }}

-- Of a source's deliveries, the newest one that has comments on a period holds all of its comments on it.
with ranked as (
    select
        comments.*,
        rank() over (partition by loads.scope, comments.period order by loads.sequence desc) as place
    from {{ ref("stg_raw__comments") }} as comments
    inner join {{ ref("stg_raw__loads") }} as loads
        on comments.load_id = loads.load_id
)

select
    load_id,
    source_file,
    source_row,
    period,
    unit_code,
    coalesce(report_line, '') as report_line,
    text,
    author
from ranked
where place = 1
