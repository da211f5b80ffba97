{{ config(materialized="view") }}

select
    lines.load_id,
    lines.source_file,
    lines.source_row,
    'TRANS' as outcome_from,
    lines.period,
    dim_period.fiscal_year,
    lines.voucher_series,
    lines.voucher_number,
    lines.voucher_date,
    lines.transaction_date,
    lines.registration_date,
    lines.account,
    account_line.report_line,
    coalesce(lines.unit_code, {{ missing_unit() }}) as unit_code,
    lines.activity,
    lines.sub_activity,
    lines.project,
    lines.cost_object,
    lines.counterparty,
    coalesce(groups.counterparty_group, 'external') as counterparty_group,
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
inner join {{ ref("int_ledger_version") }} as version
    on
        lines.load_id = version.load_id
        and lines.period = version.period
        and not version.is_active
        and version.known_from < version.known_until
inner join {{ ref("dim_period") }} as dim_period
    on lines.period = dim_period.period
left join {{ ref("int_counterparty_group") }} as groups
    on lines.counterparty = groups.counterparty
left join {{ ref("int_account_report_line") }} as account_line
    on
        lines.account = account_line.account
        and dim_period.fiscal_year = account_line.fiscal_year
        and coalesce(groups.counterparty_group, 'external') = account_line.counterparty_group
where lines.line_kind = 'TRANS'
