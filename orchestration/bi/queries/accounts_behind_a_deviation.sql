-- Fråga: Vilka konton står bakom avvikelsen på en rad?
-- En rad per: konto
-- Parametrar: $report_period ('2015-03'), $unit_code ('KLK'), $report_line ('other_external_cost'; inte en summa)
-- Kronor från årets början, plus är bättre. Summan är radens avvikelse i uppföljningen.

select
    amounts.account,
    accounts.account_name,
    sum(amounts.outcome_month) as outcome_period,
    sum(amounts.budget_month) as budget_period,
    sum(amounts.outcome_month - amounts.budget_month) as deviation_period
from marts.dim_period as reported
inner join marts.bridge_unit_ancestor as bridge
    on
        bridge.ancestor_unit_code = $unit_code
        and reported.last_day between bridge.organisation_from and bridge.organisation_to
inner join marts.account_month as amounts
    on
        bridge.unit_code = amounts.unit_code
        and reported.fiscal_year = amounts.fiscal_year
        and amounts.period <= reported.period
left join marts.dim_account as accounts
    on amounts.account = accounts.account and accounts.is_current
where reported.period = $report_period and amounts.report_line = $report_line
group by amounts.account, accounts.account_name
order by abs(sum(amounts.outcome_month - amounts.budget_month)) desc, amounts.account
