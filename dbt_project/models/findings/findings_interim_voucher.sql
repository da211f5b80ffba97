-- What lies on interim accounts is at least half of what lies on the result. Rows without a voucher number (monthly totals) and
-- long vouchers with an interim row among many are no accruals.
with row_of_item as (
    select
        rows_known.m,
        rows_known.voucher_series,
        rows_known.voucher_number,
        abs(rows_known.amount) as size,
        item.line not in ('balance', '') as in_result,
        item.line = 'balance' and interim.prefix is not null as is_interim
    from {{ ref("findings_row") }} as rows_known
    inner join {{ ref("findings_item") }} as item
        on rows_known.item_id = item.item_id
    left join {{ ref("findings_interim_prefix") }} as interim
        on substr(item.account, 1, length(interim.prefix)) = interim.prefix
    where rows_known.voucher_number <> ''
),

touched as (
    select distinct
        m,
        voucher_series,
        voucher_number
    from row_of_item
    where is_interim
)

select
    touched.m,
    touched.voucher_series,
    touched.voucher_number
from touched
inner join row_of_item
    on
        touched.m = row_of_item.m
        and touched.voucher_series = row_of_item.voucher_series
        and touched.voucher_number = row_of_item.voucher_number
group by touched.m, touched.voucher_series, touched.voucher_number
having
    sum(case when row_of_item.is_interim then row_of_item.size else 0 end) * 2
    >= sum(case when row_of_item.in_result then row_of_item.size else 0 end)
