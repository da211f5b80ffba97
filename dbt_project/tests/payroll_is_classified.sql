{{ check(
    "payroll_reconciliation",
    severity="warn",
    sv="{period}, {unit_code}: {unclassified} kr lön har en löneart som ingen lista känner. Ange den i people.pay_types.",
    en="{period}, {unit_code}: SEK {unclassified} of pay has a wage type that no list knows. Name it in people.pay_types.",
) }}

-- Pay that nobody has said what it is counts in the payroll but in no step of the bridge.
select
    unit_code,
    period,
    unclassified
from {{ ref("stg_derived__payroll_months") }}
where unclassified <> 0
