{{ check(
    "int_amount_monthly",
    sv="Raden {report_line} ({amount_type}, {amount} kr) finns inte bland rapportraderna eller är en summa.",
    en="The line {report_line} ({amount_type}, SEK {amount}) is not among the report lines, or is a total.",
) }}

select
    amounts.report_line,
    amounts.amount_type,
    sum(amounts.amount) as amount
from {{ ref("int_amount_monthly") }} as amounts
left join {{ ref("dim_report_line") }} as lines
    on amounts.report_line = lines.report_line
where coalesce(lines.is_total, true)
group by amounts.report_line, amounts.amount_type
