{{ check(
    "int_amount",
    sv="Kontot {account} används ({row_count} rader, {amount} kr, år {fiscal_year}, {amount_type}) men inget kontointervall för det finns i report_line_account. Lägg till ett intervall.",
    en="Account {account} is used ({row_count} rows, SEK {amount}, year {fiscal_year}, {amount_type}) but no account range in report_line_account covers it. Add a range.",
) }}

select
    account,
    fiscal_year,
    amount_type,
    count(*) as row_count,
    sum(amount) as amount
from {{ ref("int_amount") }}
where report_line is null
group by account, fiscal_year, amount_type
