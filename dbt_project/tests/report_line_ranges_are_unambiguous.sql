{{ check(
    "int_account_report_line",
    sv="Kontot {account} hör lika mycket till flera rapportrader år {fiscal_year} (motpart {counterparty_group}). Rätta intervallen i report_line_account.",
    en="Account {account} belongs equally to several report lines in {fiscal_year} (counterparty {counterparty_group}). Correct the ranges in report_line_account.",
) }}

select
    account,
    fiscal_year,
    counterparty_group,
    matching_lines
from {{ ref("int_account_report_line") }}
where matching_lines > 1
