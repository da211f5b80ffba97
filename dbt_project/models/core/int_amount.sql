{{ config(materialized="view") }}

with plan as (
    select
        'budget' as amount_type,
        'budget' as version,
        period,
        fiscal_year,
        unit_code,
        account,
        report_line,
        activity,
        project,
        counterparty,
        amount,
        load_id,
        source_file,
        source_row
    from {{ ref("int_budget_line") }}
    union all
    select
        'forecast' as amount_type,
        lines.forecast_round as version,
        lines.period,
        lines.fiscal_year,
        lines.unit_code,
        lines.account,
        lines.report_line,
        lines.activity,
        lines.project,
        lines.counterparty,
        lines.amount,
        lines.load_id,
        lines.source_file,
        lines.source_row
    from {{ ref("stg_raw__forecast_lines") }} as lines
    inner join {{ ref("int_load_scope") }} as scope
        on
            lines.load_id = scope.load_id
            and lines.forecast_round = scope.version
            and lines.fiscal_year = scope.fiscal_year
            and scope.entity = 'forecast_line'
            and scope.is_active
)

select
    'outcome' as amount_type,
    'outcome' as version,
    period,
    fiscal_year,
    unit_code,
    account,
    report_line,
    activity,
    project,
    counterparty,
    amount,
    load_id,
    source_file,
    source_row
from {{ ref("fct_ledger_line") }}
union all
select
    plan.amount_type,
    plan.version,
    plan.period,
    plan.fiscal_year,
    coalesce(plan.unit_code, {{ missing_unit() }}) as unit_code,
    plan.account,
    coalesce(plan.report_line, account_line.report_line) as report_line,
    plan.activity,
    plan.project,
    plan.counterparty,
    plan.amount,
    plan.load_id,
    plan.source_file,
    plan.source_row
from plan
left join {{ ref("int_counterparty_group") }} as groups
    on plan.counterparty = groups.counterparty
left join {{ ref("int_account_report_line") }} as account_line
    on
        plan.account = account_line.account
        and plan.fiscal_year = account_line.fiscal_year
        and coalesce(groups.counterparty_group, 'external') = account_line.counterparty_group
