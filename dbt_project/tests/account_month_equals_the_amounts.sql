{{ check(
    "account_month",
    sv="{fiscal_year}: kontona per månad är {shown_outcome} kr utfall och {shown_budget} kr budget, lagret har {outcome} och {budget} kr.",
    en="{fiscal_year}: the accounts by month are SEK {shown_outcome} outcome and SEK {shown_budget} budget, the warehouse has {outcome} and {budget}.",
) }}

with shown as (
    select
        fiscal_year,
        sum(outcome_month) as outcome,
        sum(budget_month) as budget
    from {{ ref("account_month") }}
    group by fiscal_year
),

amounts as (
    select
        fiscal_year,
        sum(case when amount_type = 'outcome' then amount else 0 end) as outcome,
        sum(case when amount_type = 'budget' then amount else 0 end) as budget
    from {{ ref("int_amount_monthly") }}
    where amount_type in ('outcome', 'budget')
    group by fiscal_year
)

select
    coalesce(shown.fiscal_year, amounts.fiscal_year) as fiscal_year,
    coalesce(shown.outcome, 0) as shown_outcome,
    coalesce(amounts.outcome, 0) as outcome,
    coalesce(shown.budget, 0) as shown_budget,
    coalesce(amounts.budget, 0) as budget
from amounts
full outer join shown
    on amounts.fiscal_year = shown.fiscal_year
where
    coalesce(shown.outcome, 0) <> coalesce(amounts.outcome, 0)
    or coalesce(shown.budget, 0) <> coalesce(amounts.budget, 0)
