-- Fråga: Vilka fynd ska åtgärdas, störst verkan först?
-- En rad per: fynd på enheten eller någon enhet under den
-- Parametrar: $report_period ('2015-03'), $unit_code ('KLK')
-- Kronor. Verkan = så mycket ändras resultatet när felet rättas; perioden och helåret läggs aldrig ihop.
-- Sist PER-04 (budget i annan månad) och PER-10 (redan ändrat): de ändrar inget resultat.

select
    findings.finding_id,
    findings.tier,
    findings.title,
    findings.unit_code,
    findings.account,
    findings.period,
    findings.expected_amount,
    findings.booked_amount,
    findings.effect_period,
    findings.effect_year_forecast,
    findings.status,
    findings.age
from marts.findings as findings
inner join marts.dim_period as periods
    on findings.report_period = periods.period
inner join marts.bridge_unit_ancestor as bridge
    on
        findings.unit_code = bridge.unit_code
        and periods.last_day between bridge.organisation_from and bridge.organisation_to
where
    findings.report_period = $report_period
    and bridge.ancestor_unit_code = $unit_code
    and findings.status in ('open', 'recurring', 'acknowledged')
order by findings.rule_id in ('PER-04', 'PER-10'), abs(findings.effect_period) desc, findings.finding_id
