{{ published() }}

select
    fiscal_year,
    period,
    unit_code,
    coalesce(account, {{ missing_account() }}) as account,
    report_line,
    cast(sum(case when amount_type = 'outcome' then amount else 0 end) as decimal(18, 2)) as outcome_month,
    cast(sum(case when amount_type = 'budget' then amount else 0 end) as decimal(18, 2)) as budget_month
from {{ ref("int_amount") }}
where amount_type in ('outcome', 'budget')
group by fiscal_year, period, unit_code, coalesce(account, {{ missing_account() }}), report_line
