select
    series.sid,
    cell.m,
    cast(case when series.dir = 1 then cell.amount_plus else cell.amount_minus end as double) as pos,
    cast(case when series.dir = 1 then cell.amount_minus else cell.amount_plus end as double) as neg,
    case when series.dir = 1 then cell.n_plus else cell.n_minus end as n,
    coalesce(cell.is_final, false) as is_final,
    cell.st_offset,
    cell.sf_offset
from {{ ref("findings_series_cell") }} as cell
inner join {{ ref("findings_series") }} as series
    on cell.grain = series.grain and cell.series_id = series.series_id
