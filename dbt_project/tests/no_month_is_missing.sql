{{ check(
    "int_report_period",
    severity="warn",
    sv="{report_period}: utfallet omfattar {months_covered} av årets {fiscal_month} månader; periodens utfall är inte helt.",
    en="{report_period}: the outcome covers {months_covered} of the year's {fiscal_month} months; the period's outcome is not whole.",
) }}

select
    report_period,
    fiscal_month,
    months_covered
from {{ ref("int_report_period") }}
where coalesce(months_covered, 0) < fiscal_month
