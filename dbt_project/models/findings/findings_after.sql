select
    lines.*,
    releases.released_on
from {{ ref("findings_line") }} as lines
inner join {{ ref("findings_release") }} as releases
    on lines.m = releases.m
cross join {{ ref("findings_close") }} as this_close
where
    lines.registration_date > releases.released_on
    and lines.m >= this_close.as_of_m - 24
