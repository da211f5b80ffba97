select
    m,
    voucher_series,
    voucher_number,
    cast(sum(amount) as decimal(18, 2)) as rest
from {{ ref("findings_row") }}
group by m, voucher_series, voucher_number
