{{ check(
    "payroll_reconciliation",
    severity="warn",
    sv="{report_period}, {unit_code}: huvudboken har {unexplained} kr personalkostnad utöver lönesystemet.",
    en="{report_period}, {unit_code}: the ledger has SEK {unexplained} of personnel cost beyond the payroll.",
) }}

-- More than one per cent between payroll and ledger in the newest month, for the units right under the municipality.
select
    payroll.report_period,
    payroll.unit_code,
    payroll.unexplained
from {{ ref("payroll_reconciliation") }} as payroll
inner join {{ ref("follow_up") }} as follow_up
    on
        payroll.report_period = follow_up.report_period
        and payroll.unit_code = follow_up.unit_code
        and follow_up.report_line = 'personnel'
        and follow_up.unit_level = 1
where
    payroll.has_hr_data
    and payroll.report_period = (select max(newest.report_period) from {{ ref("payroll_reconciliation") }} as newest)
    and abs(payroll.unexplained) > 0.01 * abs(payroll.ledger_pay + payroll.ledger_on_cost)
