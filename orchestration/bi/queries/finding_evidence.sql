-- Fråga: Vilka bokföringsrader ligger bakom ett fynd?
-- En rad per: bokföringsrad
-- Parametrar: $report_period ('2015-03'), $finding_id
-- source_file och source_row är raden i den inlästa filen.

select
    evidence.role,
    evidence.amount,
    ledger.period,
    ledger.voucher_series,
    ledger.voucher_number,
    ledger.account,
    coalesce(ledger.row_text, ledger.voucher_text) as text,
    evidence.source_file,
    evidence.source_row
from marts.finding_evidence as evidence
left join marts.fct_ledger_line as ledger
    on evidence.load_id = ledger.load_id and evidence.source_row = ledger.source_row
where evidence.report_period = $report_period and evidence.finding_id = $finding_id
order by evidence.source_file, evidence.source_row
