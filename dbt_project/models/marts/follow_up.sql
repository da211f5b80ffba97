{{ published() }}

{% set measures = [
    "outcome_month", "budget_month", "outcome_period", "budget_period", "budget_year",
    "outcome_previous_year_period", "outcome_previous_year",
] %}

-- 1. Every amount on its own unit and line and on each one above, in the organisation of the report periods that need it.
with rolled_up as (
    select
        units.organisation_from,
        units.ancestor_unit_code as unit_code,
        lines.ancestor_report_line as report_line,
        amounts.amount_type,
        amounts.version,
        amounts.fiscal_year,
        amounts.period,
        cast(sum(amounts.amount) as decimal(18, 2)) as amount
    from {{ ref("int_amount_monthly") }} as amounts
    inner join {{ ref("int_unit_ancestor_year") }} as units
        on amounts.fiscal_year = units.fiscal_year and amounts.unit_code = units.unit_code
    inner join {{ ref("int_report_line_ancestor") }} as lines
        on amounts.report_line = lines.report_line
    group by
        units.organisation_from, units.ancestor_unit_code, lines.ancestor_report_line, amounts.amount_type,
        amounts.version, amounts.fiscal_year, amounts.period
),

-- 2. Outcome and budget by month, and from the start of the fiscal year to each report period.
monthly as (
    select
        rolled_up.organisation_from,
        rolled_up.unit_code,
        rolled_up.report_line,
        rolled_up.fiscal_year,
        dim_period.fiscal_month,
        cast(sum(case when rolled_up.amount_type = 'outcome' then rolled_up.amount else 0 end) as decimal(18, 2)) as outcome,
        cast(sum(case when rolled_up.amount_type = 'budget' then rolled_up.amount else 0 end) as decimal(18, 2)) as budget,
        max(case when rolled_up.amount_type = 'outcome' then 1 else 0 end) as has_outcome,
        max(case when rolled_up.amount_type = 'budget' then 1 else 0 end) as has_budget
    from rolled_up
    inner join {{ ref("dim_period") }} as dim_period
        on rolled_up.period = dim_period.period
    where rolled_up.amount_type in ('outcome', 'budget')
    group by
        rolled_up.organisation_from, rolled_up.unit_code, rolled_up.report_line, rolled_up.fiscal_year,
        dim_period.fiscal_month
),

compared_year as (
    select
        report_period,
        organisation_from,
        fiscal_year,
        fiscal_month,
        1 as is_this_year
    from {{ ref("int_report_period") }}
    union all
    select
        report_period,
        organisation_from,
        fiscal_year - 1 as fiscal_year,
        fiscal_month,
        0 as is_this_year
    from {{ ref("int_report_period") }}
),

accumulated as (
    select
        years.report_period,
        monthly.unit_code,
        monthly.report_line,
        {% set this_year = "years.is_this_year = 1" %}
        {% set to_date = "monthly.fiscal_month <= years.fiscal_month" %}
        {% set this_month = "monthly.fiscal_month = years.fiscal_month" %}
        sum(case when {{ this_year }} and {{ this_month }} then monthly.outcome else 0 end) as outcome_month,
        sum(case when {{ this_year }} and {{ this_month }} then monthly.budget else 0 end) as budget_month,
        sum(case when {{ this_year }} and {{ to_date }} then monthly.outcome else 0 end) as outcome_period,
        sum(case when {{ this_year }} and {{ to_date }} then monthly.budget else 0 end) as budget_period,
        sum(case when {{ this_year }} then monthly.budget else 0 end) as budget_year,
        sum(case when years.is_this_year = 0 and {{ to_date }} then monthly.outcome else 0 end)
            as outcome_previous_year_period,
        sum(case when years.is_this_year = 0 then monthly.outcome else 0 end) as outcome_previous_year,
        max(case when {{ this_year }} and {{ to_date }} then monthly.has_outcome else 0 end) as has_outcome,
        max(case when {{ this_year }} then monthly.has_budget else 0 end) as has_budget
    from compared_year as years
    inner join monthly
        on years.organisation_from = monthly.organisation_from and years.fiscal_year = monthly.fiscal_year
    group by years.report_period, monthly.unit_code, monthly.report_line
),

-- 3. The year's forecast: the latest round up to the report period. A unit without any forecast has none, not zero.
forecast as (
    select
        periods.report_period,
        rolled_up.unit_code,
        rolled_up.report_line,
        sum(rolled_up.amount) as forecast_year
    from {{ ref("int_report_period") }} as periods
    inner join rolled_up
        on
            periods.organisation_from = rolled_up.organisation_from
            and periods.fiscal_year = rolled_up.fiscal_year
            and periods.forecast_round = rolled_up.version
            and rolled_up.amount_type = 'forecast'
    group by periods.report_period, rolled_up.unit_code, rolled_up.report_line
),

forecast_unit as (
    select distinct
        report_period,
        unit_code
    from forecast
),

-- 4. The rows to show: every ordinary line for every unit that has any amount in net in the year or the year before it, the
--    optional lines where they are used.
used as (
    select
        report_period,
        unit_code,
        report_line
    from accumulated
    union
    select
        report_period,
        unit_code,
        report_line
    from forecast
),

shown as (
    select
        report_period,
        unit_code,
        report_line
    from used
    union
    select
        units.report_period,
        units.unit_code,
        lines.report_line
    from (
        select distinct
            used.report_period,
            used.unit_code
        from used
        inner join {{ ref("dim_report_line") }} as used_line
            on used.report_line = used_line.report_line
        where used_line.in_net
    ) as units
    cross join {{ ref("dim_report_line") }} as lines
    where not lines.is_optional
),

measured as (
    select
        shown.report_period,
        shown.unit_code,
        shown.report_line,
        {% for measure in measures %}
            cast(coalesce(accumulated.{{ measure }}, 0) as decimal(18, 2)) as {{ measure }},
        {% endfor %}
        case
            when forecast_unit.unit_code is not null
                then cast(coalesce(forecast.forecast_year, 0) as decimal(18, 2))
        end as forecast_year,
        coalesce(accumulated.has_outcome, 0) = 1 as has_outcome,
        coalesce(accumulated.has_budget, 0) = 1 as has_budget
    from shown
    left join accumulated
        on
            shown.report_period = accumulated.report_period
            and shown.unit_code = accumulated.unit_code
            and shown.report_line = accumulated.report_line
    left join forecast
        on
            shown.report_period = forecast.report_period
            and shown.unit_code = forecast.unit_code
            and shown.report_line = forecast.report_line
    left join forecast_unit
        on shown.report_period = forecast_unit.report_period and shown.unit_code = forecast_unit.unit_code
),

unit_level as (
    select
        organisation_from,
        unit_code,
        max(distance) as unit_level
    from {{ ref("bridge_unit_ancestor") }}
    group by organisation_from, unit_code
)

-- 5. Names, and the deviations: outcome or forecast less budget, positive is favourable.
select
    measured.report_period,
    periods.fiscal_year,
    measured.unit_code,
    units.unit_name,
    unit_level.unit_level,
    units.parent_unit_code,
    units.is_in_organisation,
    measured.report_line,
    lines.report_line_name,
    lines.report_line_order,
    lines.is_total,
    measured.outcome_month,
    measured.budget_month,
    cast(measured.outcome_month - measured.budget_month as decimal(18, 2)) as deviation_month,
    measured.outcome_period,
    measured.budget_period,
    cast(measured.outcome_period - measured.budget_period as decimal(18, 2)) as deviation_period,
    case when measured.forecast_year is not null then periods.forecast_round end as forecast_round,
    measured.forecast_year,
    measured.budget_year,
    cast(measured.forecast_year - measured.budget_year as decimal(18, 2)) as deviation_forecast,
    case when periods.has_previous_year_period then measured.outcome_previous_year_period end
        as outcome_previous_year_period,
    case when periods.has_previous_year then measured.outcome_previous_year end as outcome_previous_year,
    measured.has_outcome,
    measured.has_budget
from measured
inner join {{ ref("int_report_period") }} as periods
    on measured.report_period = periods.report_period
inner join {{ ref("int_organisation") }} as units
    on periods.organisation_from = units.organisation_from and measured.unit_code = units.unit_code
inner join unit_level
    on periods.organisation_from = unit_level.organisation_from and measured.unit_code = unit_level.unit_code
inner join {{ ref("dim_report_line") }} as lines
    on measured.report_line = lines.report_line
