{{ check(
    "follow_up",
    severity="warn",
    sv="{report_period}, {unit_code}, {report_line}: utfall {outcome_period} kr utan budget, eller budget {budget_period} kr utan utfall.",
    en="{report_period}, {unit_code}, {report_line}: outcome SEK {outcome_period} without a budget, or budget SEK {budget_period} without outcome.",
) }}

-- The latest report period, the units that have rows of their own.
select
    follow_up.report_period,
    follow_up.unit_code,
    follow_up.unit_name,
    follow_up.report_line,
    follow_up.outcome_period,
    follow_up.budget_period
from {{ ref("follow_up") }} as follow_up
inner join {{ ref("dim_report_line") }} as lines
    on follow_up.report_line = lines.report_line
where
    follow_up.report_period = (select max(periods.report_period) from {{ ref("int_report_period") }} as periods)
    and follow_up.unit_code in (select own.unit_code from {{ ref("int_amount_monthly") }} as own)
    and lines.in_net
    and not follow_up.is_total
    and (
        (follow_up.has_outcome and not follow_up.has_budget and follow_up.outcome_period <> 0)
        or (follow_up.has_budget and not follow_up.has_outcome and follow_up.budget_period <> 0)
    )
