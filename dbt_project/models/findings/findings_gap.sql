-- 1. The numbers of the last year's vouchers.
with voucher as (
    select
        rows_known.voucher_series,
        rows_known.m,
        {{ int_divide("rows_known.m - this_close.fiscal_start", 12) }} as fiscal_year,
        {{ whole_number("rows_known.voucher_number") }} as voucher_no,
        coalesce(rows_known.registration_date, rows_known.voucher_date) as registered
    from {{ ref("findings_row") }} as rows_known
    cross join {{ ref("findings_close") }} as this_close
    where rows_known.m >= this_close.as_of_m - 12
),

numbered as (
    select
        voucher_series,
        fiscal_year,
        voucher_no,
        min(m) as m,
        min(registered) as registered
    from voucher
    where voucher_no is not null
    group by voucher_series, fiscal_year, voucher_no
),

-- 2. Each number beside the one before it in its series.
ordered as (
    select
        numbered.*,
        lag(voucher_no) over (partition by voucher_series, fiscal_year order by voucher_no) as before,
        count(*) over (partition by voucher_series, fiscal_year) as numbers,
        max(voucher_no) over (partition by voucher_series, fiscal_year)
        - min(voucher_no) over (partition by voucher_series, fiscal_year) + 1 as span
    from numbered
)

select
    voucher_series,
    fiscal_year,
    voucher_no as number,
    m,
    registered,
    before,
    numbers,
    span,
    voucher_no - before - 1 as missing
from ordered
where voucher_no - before > 1
