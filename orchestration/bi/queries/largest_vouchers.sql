-- Fråga: Vilka verifikationer är störst på en rad, från årets början till månaden?
-- En rad per: verifikation, ansvar och konto
-- Parametrar: $report_period ('2015-03'), $unit_code ('KLK'), $report_line ('other_external_cost'; inte en summa)
-- Kronor. source_file och source_row är den första raden i filen. Ta bort limit för alla: de summerar till radens utfall.

select
    ledger.period,
    ledger.voucher_series,
    ledger.voucher_number,
    ledger.unit_code,
    ledger.account,
    min(coalesce(ledger.row_text, ledger.voucher_text)) as text,
    sum(ledger.amount) as amount,
    count(*) as line_count,
    ledger.source_file,
    min(ledger.source_row) as source_row
from marts.dim_period as reported
inner join marts.bridge_unit_ancestor as bridge
    on
        bridge.ancestor_unit_code = $unit_code
        and reported.last_day between bridge.organisation_from and bridge.organisation_to
inner join marts.fct_ledger_line as ledger
    on
        bridge.unit_code = ledger.unit_code
        and reported.fiscal_year = ledger.fiscal_year
        and ledger.period <= reported.period
where reported.period = $report_period and ledger.report_line = $report_line
group by
    ledger.period, ledger.voucher_series, ledger.voucher_number, ledger.unit_code, ledger.account, ledger.source_file
order by abs(sum(ledger.amount)) desc, ledger.period, ledger.voucher_series, ledger.voucher_number, ledger.unit_code, ledger.account
limit 50
