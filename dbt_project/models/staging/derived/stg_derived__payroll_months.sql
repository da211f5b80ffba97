select
    unit_code,
    period,
    gross,
    employer_contribution,
    contribution_base,
    expected_contribution,
    unclassified
from {{ derived_source("payroll_month") }}
