-- The newest delivery that names a period says when it was released; of several rows in it, the last.
with ranked as (
    select
        releases.*,
        row_number() over (
            partition by releases.period
            order by loads.sequence desc, releases.source_row desc
        ) as place
    from {{ ref("stg_raw__period_releases") }} as releases
    inner join {{ ref("stg_raw__loads") }} as loads
        on releases.load_id = loads.load_id
)

select
    load_id,
    source_file,
    source_row,
    period,
    released_on
from ranked
where place = 1
