{{ published() }}

-- The ledger's personnel line in two parts: on-cost, and the rest.
with ledger as (
    select
        lines.unit_code,
        lines.period,
        sum(case when accounts.role = 'on_cost' then lines.amount else 0 end) as ledger_on_cost,
        sum(case when accounts.role = 'on_cost' then 0 else lines.amount end) as ledger_pay
    from {{ ref("fct_ledger_line") }} as lines
    left join {{ ref("int_personnel_account") }} as accounts
        on lines.account = accounts.account
    where lines.report_line = 'personnel'
    group by lines.unit_code, lines.period
),

own as (
    select
        coalesce(ledger.unit_code, payroll.unit_code) as unit_code,
        coalesce(ledger.period, payroll.period) as period,
        coalesce(ledger.ledger_pay, 0) as ledger_pay,
        coalesce(ledger.ledger_on_cost, 0) as ledger_on_cost,
        coalesce(payroll.gross, 0) as payroll_gross,
        payroll.employer_contribution as payroll_contribution,
        coalesce(payroll.expected_contribution, 0) as expected_contribution,
        case when payroll.unit_code is not null then 1 else 0 end as has_hr_data
    from ledger
    full outer join {{ ref("int_payroll_month") }} as payroll
        on ledger.unit_code = payroll.unit_code and ledger.period = payroll.period
),

rolled_up as (
    select
        periods.report_period,
        units.ancestor_unit_code as unit_code,
        sum(own.ledger_pay) as ledger_pay,
        sum(own.ledger_on_cost) as ledger_on_cost,
        sum(own.payroll_gross) as payroll_gross,
        sum(own.payroll_contribution) as payroll_contribution,
        sum(coalesce(own.payroll_contribution, own.expected_contribution)) as contribution,
        sum(own.expected_contribution) as expected_contribution,
        max(own.has_hr_data) as has_hr_data
    from own
    inner join {{ ref("int_report_period") }} as periods
        on own.period = periods.report_period
    inner join {{ ref("bridge_unit_ancestor") }} as units
        on own.unit_code = units.unit_code and periods.organisation_from = units.organisation_from
    group by periods.report_period, units.ancestor_unit_code
)

select
    report_period,
    unit_code,
    cast(payroll_gross as decimal(18, 2)) as payroll_gross,
    cast(payroll_contribution as decimal(18, 2)) as payroll_contribution,
    cast(expected_contribution as decimal(18, 2)) as expected_contribution,
    cast(ledger_pay as decimal(18, 2)) as ledger_pay,
    cast(ledger_on_cost as decimal(18, 2)) as ledger_on_cost,
    cast(ledger_pay - payroll_gross as decimal(18, 2)) as difference_pay,
    cast(ledger_on_cost - contribution as decimal(18, 2)) as difference_on_cost,
    cast(ledger_on_cost - expected_contribution as decimal(18, 2)) as on_cost_against_rate,
    cast(ledger_pay + ledger_on_cost - payroll_gross - contribution as decimal(18, 2)) as unexplained,
    has_hr_data = 1 as has_hr_data
from rolled_up
