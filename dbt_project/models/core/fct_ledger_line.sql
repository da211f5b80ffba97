{{ published() }}

with line as (
    select
        lines.load_id,
        lines.source_file,
        lines.source_row,
        'TRANS' as outcome_from,
        lines.period,
        scope.fiscal_year,
        lines.voucher_series,
        lines.voucher_number,
        lines.voucher_date,
        lines.transaction_date,
        lines.registration_date,
        lines.account,
        lines.unit_code,
        lines.activity,
        lines.sub_activity,
        lines.project,
        lines.cost_object,
        lines.counterparty,
        lines.amount,
        lines.quantity,
        lines.voucher_text,
        lines.row_text,
        lines.party,
        lines.party_name,
        lines.reference,
        lines.service_from,
        lines.service_to
    from {{ ref("stg_raw__ledger_lines") }} as lines
    inner join {{ ref("int_load_scope") }} as scope
        on
            lines.load_id = scope.load_id
            and lines.period = scope.period
            and scope.entity = 'ledger_line'
            and scope.is_active
    where lines.line_kind = 'TRANS'
    union all
    select
        load_id,
        source_file,
        source_row,
        outcome_from,
        period,
        fiscal_year,
        cast(null as string) as voucher_series,
        cast(null as string) as voucher_number,
        cast(null as date) as voucher_date,
        cast(null as date) as transaction_date,
        cast(null as date) as registration_date,
        account,
        unit_code,
        activity,
        sub_activity,
        project,
        cost_object,
        counterparty,
        amount,
        quantity,
        cast(null as string) as voucher_text,
        cast(null as string) as row_text,
        cast(null as string) as party,
        cast(null as string) as party_name,
        cast(null as string) as reference,
        cast(null as date) as service_from,
        cast(null as date) as service_to
    from {{ ref("int_balance_outcome") }}
)

select
    line.load_id,
    line.source_file,
    line.source_row,
    line.outcome_from,
    line.period,
    line.fiscal_year,
    line.voucher_series,
    line.voucher_number,
    line.voucher_date,
    line.transaction_date,
    line.registration_date,
    line.account,
    account_line.report_line,
    coalesce(line.unit_code, {{ missing_unit() }}) as unit_code,
    line.activity,
    line.sub_activity,
    line.project,
    line.cost_object,
    line.counterparty,
    coalesce(groups.counterparty_group, 'external') as counterparty_group,
    line.amount,
    line.quantity,
    line.voucher_text,
    line.row_text,
    line.party,
    line.party_name,
    line.reference,
    line.service_from,
    line.service_to
from line
left join {{ ref("int_counterparty_group") }} as groups
    on line.counterparty = groups.counterparty
left join {{ ref("int_account_report_line") }} as account_line
    on
        line.account = account_line.account
        and line.fiscal_year = account_line.fiscal_year
        and coalesce(groups.counterparty_group, 'external') = account_line.counterparty_group
