{{ check(
    "follow_up",
    sv="{report_period}: kommunens netto och raderna utanför nettot är {shown_outcome} kr utfall och {shown_budget} kr budget för året, lagret har {outcome} och {budget} kr.",
    en="{report_period}: the municipality's net and the lines outside it are SEK {shown_outcome} outcome and SEK {shown_budget} budget for the year, the warehouse has {outcome} and {budget}.",
) }}

-- The top unit's net plus the lines outside net is all outcome of the month, all budget and all forecast of the year.
with shown as (
    select
        follow_up.report_period,
        sum(follow_up.outcome_month) as outcome,
        sum(follow_up.budget_year) as budget,
        sum(coalesce(follow_up.forecast_year, 0)) as forecast
    from {{ ref("follow_up") }} as follow_up
    inner join {{ ref("dim_report_line") }} as lines
        on follow_up.report_line = lines.report_line
    where follow_up.unit_code = {{ root_unit() }} and lines.parent_report_line is null
    group by follow_up.report_period
),

ledger as (
    select
        period,
        sum(amount) as amount
    from {{ ref("fct_ledger_line") }}
    group by period
),

plan as (
    select
        periods.report_period,
        sum(case when amounts.amount_type = 'budget' then amounts.amount else 0 end) as budget,
        sum(case
            when amounts.amount_type = 'forecast' and amounts.version = periods.forecast_round then amounts.amount
            else 0
        end) as forecast
    from {{ ref("int_report_period") }} as periods
    inner join {{ ref("int_amount_monthly") }} as amounts
        on periods.fiscal_year = amounts.fiscal_year
    group by periods.report_period
)

select
    periods.report_period,
    coalesce(shown.outcome, 0) as shown_outcome,
    coalesce(ledger.amount, 0) as outcome,
    coalesce(shown.budget, 0) as shown_budget,
    coalesce(plan.budget, 0) as budget,
    coalesce(shown.forecast, 0) as shown_forecast,
    coalesce(plan.forecast, 0) as forecast
from {{ ref("int_report_period") }} as periods
left join shown
    on periods.report_period = shown.report_period
left join ledger
    on periods.report_period = ledger.period
left join plan
    on periods.report_period = plan.report_period
where
    coalesce(shown.outcome, 0) <> coalesce(ledger.amount, 0)
    or coalesce(shown.budget, 0) <> coalesce(plan.budget, 0)
    or coalesce(shown.forecast, 0) <> coalesce(plan.forecast, 0)
