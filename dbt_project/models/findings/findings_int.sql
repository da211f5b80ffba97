select
    lines.rid,
    lines.m,
    lines.unit,
    lines.account,
    lines.line,
    lines.cp,
    lines.kr,
    abs(lines.amount) as size,
    cast(sign(lines.amount) as integer) as side,
    lines.voucher_series,
    lines.voucher_number,
    lines.ref,
    lines.stem,
    lines.txt,
    lines.base,
    lines.fine
from {{ ref("findings_line") }} as lines
cross join {{ ref("findings_close") }} as this_close
where
    lines.internal
    and not lines.interim
    and lines.line <> 'personnel'
    and lines.amount <> 0
    and lines.m >= this_close.as_of_m - 15
