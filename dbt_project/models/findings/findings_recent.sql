select
    lines.*,
    coalesce(nullif(lines.party, ''), 'cp:' || lines.cp || ':' || lines.stem) as who
from {{ ref("findings_line") }} as lines
cross join {{ ref("findings_close") }} as this_close
where
    lines.m >= this_close.as_of_m - 3
    and not lines.interim
    and lines.line <> 'personnel'
