-- 1. Months with outcome, up to the latest delivery of a load.
with delivered as (
    select max(delivery) as latest
    from {{ ref("stg_raw__loads") }}
    where status = 'accepted'
),

outcome_scope as (
    select distinct
        period,
        covers_from
    from {{ ref("int_load_scope") }}
    where amount_type = 'outcome' and is_active
),

reported as (
    select distinct
        dim_period.period,
        dim_period.fiscal_year,
        dim_period.fiscal_month,
        dim_period.last_day,
        dim_period.previous_year_period
    from outcome_scope
    inner join {{ ref("dim_period") }} as dim_period
        on outcome_scope.period = dim_period.period
    inner join delivered
        on dim_period.period <= delivered.latest
),

-- 2. How many months from the start of a fiscal year the outcome up to a month covers.
coverage as (
    select
        upto.period,
        count(distinct month_of_year.period) as months_covered
    from {{ ref("dim_period") }} as upto
    inner join {{ ref("dim_period") }} as month_of_year
        on upto.fiscal_year = month_of_year.fiscal_year and month_of_year.period <= upto.period
    inner join outcome_scope
        on
            outcome_scope.covers_from <= month_of_year.period
            and outcome_scope.period >= month_of_year.period
            and outcome_scope.period <= upto.period
    group by upto.period
),

year_coverage as (
    select
        dim_period.fiscal_year,
        max(case when dim_period.fiscal_month = 12 then coverage.months_covered end) as months_covered
    from {{ ref("dim_period") }} as dim_period
    inner join coverage
        on dim_period.period = coverage.period
    group by dim_period.fiscal_year
),

-- 3. The organisation and the forecast round of each month.
organisation as (
    select
        reported.period,
        max(spans.organisation_from) as organisation_from
    from reported
    inner join (select distinct organisation_from from {{ ref("int_organisation") }}) as spans
        on spans.organisation_from <= reported.last_day
    group by reported.period
),

forecast as (
    select
        reported.period,
        max(scope.version) as forecast_round
    from reported
    inner join {{ ref("int_load_scope") }} as scope
        on
            scope.amount_type = 'forecast'
            and scope.is_active
            and reported.fiscal_year = scope.fiscal_year
            and scope.version <= reported.period
    group by reported.period
)

select
    reported.period as report_period,
    reported.fiscal_year,
    reported.fiscal_month,
    organisation.organisation_from,
    forecast.forecast_round,
    cast(coverage.months_covered as integer) as months_covered,
    coalesce(previous.months_covered = reported.fiscal_month, false) as has_previous_year_period,
    coalesce(previous_year.months_covered = 12, false) as has_previous_year
from reported
inner join organisation
    on reported.period = organisation.period
left join forecast
    on reported.period = forecast.period
left join coverage
    on reported.period = coverage.period
left join coverage as previous
    on reported.previous_year_period = previous.period
left join year_coverage as previous_year
    on reported.fiscal_year - 1 = previous_year.fiscal_year
