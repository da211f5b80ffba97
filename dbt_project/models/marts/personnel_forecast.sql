{{ published() }}

-- 1. What HR says of each month, coming ones too, on every unit, in the organisation of the report periods that need it.
with absence as (
    select
        unit_code,
        period,
        sum(case when step in ('sick_1_14', 'sick_15_on', 'parental', 'vab', 'leave') then amount else 0 end) as saved,
        sum(case when step in ('extra', 'other') then amount else 0 end) as beside
    from {{ ref("stg_derived__people_steps") }}
    group by unit_code, period
),

rolled_up as (
    select
        units.organisation_from,
        units.ancestor_unit_code as unit_code,
        dim_period.fiscal_year,
        dim_period.fiscal_month,
        sum(staff.filled_cost) as filled_cost,
        sum(staff.review_cost) as review_cost,
        sum(staff.vacancy_open) as vacancy_open,
        sum(staff.hr_cost) as hr_cost,
        sum(coalesce(absence.saved, 0)) as saved,
        sum(coalesce(absence.beside, 0)) as beside
    from {{ ref("stg_derived__people_months") }} as staff
    left join absence
        on staff.unit_code = absence.unit_code and staff.period = absence.period
    inner join {{ ref("dim_period") }} as dim_period
        on staff.period = dim_period.period
    inner join {{ ref("int_unit_ancestor_year") }} as units
        on dim_period.fiscal_year = units.fiscal_year and staff.unit_code = units.unit_code
    group by units.organisation_from, units.ancestor_unit_code, dim_period.fiscal_year, dim_period.fiscal_month
),

-- 2. How long vacancies last.
vacancy as (
    select
        max(case when rule = 'vacancy_months.p10' then cast(value as integer) end) as fast,
        max(case when rule = 'vacancy_months.p50' then cast(value as integer) end) as middle,
        max(case when rule = 'vacancy_months.p90' then cast(value as integer) end) as slow
    from {{ ref("stg_derived__assumptions") }}
),

to_date as (
    select
        periods.report_period,
        rolled_up.unit_code,
        sum(rolled_up.filled_cost) as filled_cost,
        sum(rolled_up.hr_cost) as hr_cost,
        sum(rolled_up.saved) as saved,
        sum(rolled_up.beside) as beside
    from {{ ref("int_report_period") }} as periods
    inner join rolled_up
        on
            periods.organisation_from = rolled_up.organisation_from
            and periods.fiscal_year = rolled_up.fiscal_year
            and rolled_up.fiscal_month <= periods.fiscal_month
    group by periods.report_period, rolled_up.unit_code
),

-- 3. The coming months. Absence is expected to save the same share of pay as in the same month last year (else, and where last
--    year's is not to be told, as so far this year), or what is known already if that is more.
coming as (
    select
        periods.report_period,
        rolled_up.unit_code,
        sum(rolled_up.filled_cost + rolled_up.review_cost) as staff_cost,
        sum(greatest(
            rolled_up.saved,
            cast(
                rolled_up.filled_cost * coalesce(
                    case when small.is_hidden = false then last_year.saved / nullif(last_year.filled_cost, 0) end,
                    to_date.saved / nullif(to_date.filled_cost, 0),
                    0
                ) as decimal(18, 2)
            )
        )) as saved,
    {% for case in ["fast", "middle", "slow"] %}
        sum(case
            when rolled_up.fiscal_month - periods.fiscal_month > vacancy.{{ case }} then rolled_up.vacancy_open else 0
            end) as filled_{{ case }}{{ "," if not loop.last }}
    {% endfor %}
    from {{ ref("int_report_period") }} as periods
    inner join rolled_up
        on
            periods.organisation_from = rolled_up.organisation_from
            and periods.fiscal_year = rolled_up.fiscal_year
            and rolled_up.fiscal_month > periods.fiscal_month
    left join rolled_up as last_year
        on
            rolled_up.organisation_from = last_year.organisation_from
            and rolled_up.unit_code = last_year.unit_code
            and rolled_up.fiscal_year - 1 = last_year.fiscal_year
            and rolled_up.fiscal_month = last_year.fiscal_month
    left join {{ ref("int_small_group") }} as small
        on
            last_year.fiscal_year = small.fiscal_year
            and last_year.unit_code = small.unit_code
            and small.group_code = 'all'
    left join to_date
        on periods.report_period = to_date.report_period and rolled_up.unit_code = to_date.unit_code
    cross join vacancy
    group by periods.report_period, rolled_up.unit_code
),

-- 4. What the ledger has beyond HR, and pay beside the positions, go on as they have been so far.
part as (
    select
        follow_up.report_period,
        periods.fiscal_year,
        periods.fiscal_month,
        follow_up.unit_code,
        follow_up.outcome_period,
        follow_up.forecast_year,
        to_date.unit_code is not null as has_hr_data,
        cast(-coalesce(coming.staff_cost, 0) as decimal(18, 2)) as rest_staff,
        cast(coalesce(coming.saved, 0) as decimal(18, 2)) as rest_absence,
        {% for case in ["fast", "middle", "slow"] %}
            cast(-coalesce(coming.filled_{{ case }}, 0) as decimal(18, 2)) as rest_vacancy_{{ case }},
        {% endfor %}
        cast(
            (follow_up.outcome_period + coalesce(to_date.hr_cost, 0) + coalesce(to_date.beside, 0))
            * (12 - periods.fiscal_month) / periods.fiscal_month as decimal(18, 2)
        ) as rest_other
    from {{ ref("follow_up") }} as follow_up
    inner join {{ ref("int_report_period") }} as periods
        on follow_up.report_period = periods.report_period
    left join to_date
        on follow_up.report_period = to_date.report_period and follow_up.unit_code = to_date.unit_code
    left join coming
        on follow_up.report_period = coming.report_period and follow_up.unit_code = coming.unit_code
    where follow_up.report_line = 'personnel'
)

select
    part.report_period,
    part.unit_code,
    part.outcome_period,
    -- The forecast less all parts but one is that part: in a small unit none is told. Nor is a month's pay before absence, which
    -- is the holders' cost of one report period less that of the next.
    case when part.has_hr_data and not coalesce(small.is_hidden, false) then part.rest_staff end as rest_staff,
    case when part.has_hr_data and not coalesce(small.is_hidden, false) then part.rest_absence end as rest_absence,
    case when part.has_hr_data and not coalesce(small.is_hidden, false) then part.rest_vacancy_middle end as rest_vacancy,
    case when part.has_hr_data and not coalesce(small.is_hidden, false) then part.rest_other end as rest_other,
    {% set proposals = [("forecast_staffing_low", "slow"), ("forecast_staffing", "middle"), ("forecast_staffing_high", "fast")] %}
    {% for name, case in proposals %}
        case
            when part.has_hr_data
                then cast(
                    part.outcome_period + part.rest_staff + part.rest_absence + part.rest_vacancy_{{ case }} + part.rest_other
                    as decimal(18, 2)
                )
        end as {{ name }},
    {% endfor %}
    cast(part.outcome_period * 12 / part.fiscal_month as decimal(18, 2)) as forecast_run_rate,
    part.forecast_year as forecast_entered,
    case
        when part.has_hr_data
            then cast(
                part.forecast_year - part.outcome_period - part.rest_staff - part.rest_absence - part.rest_vacancy_middle
                - part.rest_other as decimal(18, 2)
            )
    end as forecast_judgement,
    coalesce(small.is_hidden, false) as is_suppressed
from part
left join {{ ref("int_small_group") }} as small
    on
        part.fiscal_year = small.fiscal_year
        and part.unit_code = small.unit_code
        and small.group_code = 'all'
