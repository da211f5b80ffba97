-- 1. The ledger's personnel line and its hired staff by own unit and month.
with ledger as (
    select
        unit_code,
        period,
        cast(sum(case when amount_type = 'outcome' then amount else 0 end) as decimal(18, 2)) as outcome,
        cast(sum(case when amount_type = 'budget' then amount else 0 end) as decimal(18, 2)) as budget
    from {{ ref("int_amount_monthly") }}
    where report_line = 'personnel' and amount_type in ('outcome', 'budget')
    group by unit_code, period
),

hired as (
    select
        amounts.unit_code,
        amounts.period,
        cast(sum(case when amounts.amount_type = 'outcome' then amounts.amount else -amounts.amount end) as decimal(18, 2))
            as amount
    from {{ ref("int_amount") }} as amounts
    inner join {{ ref("int_personnel_account") }} as accounts
        on amounts.account = accounts.account and accounts.role = 'hired_staff'
    where amounts.amount_type in ('outcome', 'budget')
    group by amounts.unit_code, amounts.period
),

staff as (
    select
        unit_code,
        period,
        planned_cost,
        hr_cost
    from {{ ref("stg_derived__people_months") }}
    where planned_cost <> 0 or hr_cost <> 0 or employees > 0
),

both_sides as (
    select
        coalesce(ledger.unit_code, staff.unit_code) as unit_code,
        coalesce(ledger.period, staff.period) as period,
        coalesce(ledger.outcome, 0) as outcome,
        coalesce(ledger.budget, 0) as budget,
        coalesce(staff.planned_cost, 0) as planned_cost,
        coalesce(staff.hr_cost, 0) as hr_cost,
        staff.unit_code is not null as has_hr_data
    from ledger
    full outer join staff
        on ledger.unit_code = staff.unit_code and ledger.period = staff.period
),

-- 2. The steps of HR, and what ties them to the ledger: the budget beyond the plan, and what is booked beyond HR.
step as (
    select
        steps.unit_code,
        steps.period,
        steps.step,
        steps.amount
    from {{ ref("stg_derived__people_steps") }} as steps
    inner join staff
        on steps.unit_code = staff.unit_code and steps.period = staff.period
    union all
    select
        unit_code,
        period,
        'budget_rest' as step,
        -budget - planned_cost as amount
    from both_sides
    where has_hr_data
    union all
    select
        unit_code,
        period,
        'unexplained' as step,
        outcome + hr_cost as amount
    from both_sides
    where has_hr_data
    union all
    select
        unit_code,
        period,
        'no_hr_data' as step,
        outcome - budget as amount
    from both_sides
    where not has_hr_data
    union all
    select
        unit_code,
        period,
        'hired_staff' as step,
        amount
    from hired
)

select
    unit_code,
    period,
    step,
    cast(sum(amount) as decimal(18, 2)) as amount
from step
group by unit_code, period, step
