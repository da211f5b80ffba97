{{ check(
    "int_amount_monthly",
    severity="warn",
    sv="Enheten {unit_code} finns inte i organisationen men har {row_count} rader ({amount_type}, {amount} kr, år {fiscal_year}); den visas direkt under kommunen.",
    en="The unit {unit_code} is not in the organisation but has {row_count} rows ({amount_type}, SEK {amount}, year {fiscal_year}); it is shown right under the municipality.",
) }}

select
    amounts.unit_code,
    amounts.amount_type,
    amounts.fiscal_year,
    sum(amounts.row_count) as row_count,
    sum(amounts.amount) as amount
from {{ ref("int_amount_monthly") }} as amounts
inner join {{ ref("dim_unit") }} as units
    on amounts.unit_code = units.unit_code and units.is_current
inner join {{ ref("dim_report_line") }} as lines
    on amounts.report_line = lines.report_line
where not units.is_in_organisation and lines.in_net
group by amounts.unit_code, amounts.amount_type, amounts.fiscal_year
