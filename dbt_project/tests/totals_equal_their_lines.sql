{{ check(
    "follow_up",
    sv="{report_period}, {unit_code}: summaraden {report_line} är {outcome_period} kr utfall, dess rader {expected_outcome_period} kr.",
    en="{report_period}, {unit_code}: the total {report_line} is SEK {outcome_period} outcome, its lines {expected_outcome_period}.",
) }}

-- Down: every total is the sum of the lines right under it. Across: every deviation is the difference of its own row.
{% set measures = [
    "outcome_month", "budget_month", "deviation_month", "outcome_period", "budget_period", "deviation_period",
    "forecast_year", "budget_year", "deviation_forecast", "outcome_previous_year_period", "outcome_previous_year",
] %}
with part as (
    select
        follow_up.report_period,
        follow_up.unit_code,
        lines.parent_report_line as report_line,
        {% for measure in measures %}
            sum(follow_up.{{ measure }}) as {{ measure }}{% if not loop.last %},{% endif %}
        {% endfor %}
    from {{ ref("follow_up") }} as follow_up
    inner join {{ ref("dim_report_line") }} as lines
        on follow_up.report_line = lines.report_line
    where lines.parent_report_line is not null
    group by follow_up.report_period, follow_up.unit_code, lines.parent_report_line
)

select
    follow_up.report_period,
    follow_up.unit_code,
    follow_up.report_line,
    follow_up.outcome_period,
    part.outcome_period as expected_outcome_period
from {{ ref("follow_up") }} as follow_up
left join part
    on
        follow_up.report_period = part.report_period
        and follow_up.unit_code = part.unit_code
        and follow_up.report_line = part.report_line
where
    (
        follow_up.is_total
        and (
            {% for measure in measures %}
                follow_up.{{ measure }} is distinct from part.{{ measure }}{% if not loop.last %} or{% endif %}
            {% endfor %}
        )
    )
    or follow_up.deviation_month <> follow_up.outcome_month - follow_up.budget_month
    or follow_up.deviation_period <> follow_up.outcome_period - follow_up.budget_period
    or follow_up.deviation_forecast is distinct from follow_up.forecast_year - follow_up.budget_year
