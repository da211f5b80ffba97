{{ check(
    "follow_up",
    sv="{report_period}, {unit_code}, {report_line}: enheten har {outcome_period} kr, dess underenheter och egna rader {expected_outcome_period} kr.",
    en="{report_period}, {unit_code}, {report_line}: the unit has SEK {outcome_period}, its units below and own rows {expected_outcome_period}.",
) }}

-- A unit is the sum of the units right below it and of its own rows, at every level.
with child as (
    select
        report_period,
        parent_unit_code as unit_code,
        report_line,
        sum(outcome_period) as outcome_period,
        sum(budget_period) as budget_period,
        sum(budget_year) as budget_year,
        sum(coalesce(forecast_year, 0)) as forecast_year
    from {{ ref("follow_up") }}
    where not is_total and parent_unit_code is not null
    group by report_period, parent_unit_code, report_line
),

own as (
    select
        periods.report_period,
        amounts.unit_code,
        amounts.report_line,
        sum(case
            when amounts.amount_type = 'outcome' and amounts.period <= periods.report_period then amounts.amount else 0
        end) as outcome_period,
        sum(case
            when amounts.amount_type = 'budget' and amounts.period <= periods.report_period then amounts.amount else 0
        end) as budget_period,
        sum(case when amounts.amount_type = 'budget' then amounts.amount else 0 end) as budget_year,
        sum(case when amounts.version = periods.forecast_round then amounts.amount else 0 end) as forecast_year
    from {{ ref("int_report_period") }} as periods
    inner join {{ ref("int_amount_monthly") }} as amounts
        on periods.fiscal_year = amounts.fiscal_year
    group by periods.report_period, amounts.unit_code, amounts.report_line
),

expected as (
    select
        report_period,
        unit_code,
        report_line,
        sum(outcome_period) as outcome_period,
        sum(budget_period) as budget_period,
        sum(budget_year) as budget_year,
        sum(forecast_year) as forecast_year
    from (
        select * from child
        union all
        select * from own
    ) as part
    group by report_period, unit_code, report_line
)

select
    coalesce(follow_up.report_period, expected.report_period) as report_period,
    coalesce(follow_up.unit_code, expected.unit_code) as unit_code,
    coalesce(follow_up.report_line, expected.report_line) as report_line,
    follow_up.outcome_period,
    expected.outcome_period as expected_outcome_period,
    follow_up.budget_period,
    expected.budget_period as expected_budget_period,
    follow_up.budget_year,
    expected.budget_year as expected_budget_year,
    follow_up.forecast_year,
    expected.forecast_year as expected_forecast_year
from (
    select * from {{ ref("follow_up") }}
    where not is_total
) as follow_up
full outer join expected
    on
        follow_up.report_period = expected.report_period
        and follow_up.unit_code = expected.unit_code
        and follow_up.report_line = expected.report_line
where
    coalesce(follow_up.outcome_period, 0) <> coalesce(expected.outcome_period, 0)
    or coalesce(follow_up.budget_period, 0) <> coalesce(expected.budget_period, 0)
    or coalesce(follow_up.budget_year, 0) <> coalesce(expected.budget_year, 0)
    or coalesce(follow_up.forecast_year, 0) <> coalesce(expected.forecast_year, 0)
