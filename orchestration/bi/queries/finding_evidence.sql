-- Fråga: Vilka bokföringsrader ligger bakom ett fynd?
-- En rad per: bokföringsrad
-- Parametrar: $report_period ('2015-03'), $finding_id
-- source_file och source_row är raden i filen som lästes då; en senare fil kan ha ersatt den i fct_ledger_line.

select
    evidence.role,
    evidence.amount,
    evidence.period,
    evidence.voucher_series,
    evidence.voucher_number,
    evidence.account,
    evidence.text,
    evidence.source_file,
    evidence.source_row
from marts.finding_evidence as evidence
where evidence.report_period = $report_period and evidence.finding_id = $finding_id
order by evidence.source_file, evidence.source_row
