{{ check(
    "fct_ledger_line",
    severity="warn",
    sv="{row_count} rader på {amount} kr år {fiscal_year} saknar motpart eller har en okänd ({counterparty}); de räknas som externa.",
    en="{row_count} rows of SEK {amount} in {fiscal_year} have no counterparty or an unknown one ({counterparty}); they count as external.",
) }}

select
    lines.fiscal_year,
    coalesce(lines.counterparty, '') as counterparty,
    count(*) as row_count,
    sum(lines.amount) as amount
from {{ ref("fct_ledger_line") }} as lines
left join {{ ref("int_counterparty_group") }} as groups
    on lines.counterparty = groups.counterparty
where
    not coalesce(groups.is_in_range, false)
    and lines.report_line in (
        select account_line.report_line
        from {{ ref("int_account_report_line") }} as account_line
        group by account_line.account, account_line.fiscal_year, account_line.report_line
        having count(distinct account_line.counterparty_group) < 3
    )
group by lines.fiscal_year, coalesce(lines.counterparty, '')
