{{ check(
    "int_report_line_range",
    sv="Intervallet {account_from}–{account_to} i report_line_account är ogiltigt: prefixen ska vara lika långa och i ordning, motparten any, internal eller external, och raden {report_line} en rapportrad som inte är en summa.",
    en="The range {account_from}–{account_to} in report_line_account is invalid: the prefixes must be of equal length and in order, the scope any, internal or external, and {report_line} a report line that is no total.",
) }}

select
    ranges.account_from,
    ranges.account_to,
    ranges.counterparty_scope,
    ranges.report_line
from {{ ref("int_report_line_range") }} as ranges
left join {{ ref("dim_report_line") }} as lines
    on ranges.report_line = lines.report_line
where
    coalesce(length(ranges.account_from), 0) = 0
    or length(ranges.account_from) <> coalesce(length(ranges.account_to), 0)
    or ranges.account_from > ranges.account_to
    or coalesce(ranges.counterparty_scope, '') not in ('any', 'internal', 'external')
    or coalesce(lines.is_total, true)
