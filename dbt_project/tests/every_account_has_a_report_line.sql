{{ check(
    "int_amount",
    sv="Kontot {account} används ({row_count} rader, {amount} kr, år {fiscal_year}, {amount_type}) men ingen rapportrad täcker det. Lägg till en rad i er karta över konton (avvik inputs report_lines).",
    en="Account {account} is used ({row_count} rows, SEK {amount}, year {fiscal_year}, {amount_type}) but no report line covers it. Add a row to your map of accounts (avvik inputs report_lines).",
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
