-- The payroll in stored sign: cost −.
select
    unit_code,
    period,
    cast(-gross as decimal(18, 2)) as gross,
    cast(-employer_contribution as decimal(18, 2)) as employer_contribution,
    cast(-contribution_base as decimal(18, 2)) as contribution_base,
    cast(-expected_contribution as decimal(18, 2)) as expected_contribution
from {{ ref("stg_derived__payroll_months") }}
