{{ check(
    "follow_up",
    severity="warn",
    sv="{report_period}: {unit_code} har budget men ingen prognos i omgången {forecast_round}; kommunens prognos är därför inte hel.",
    en="{report_period}: {unit_code} has a budget but no forecast in round {forecast_round}; the municipality's forecast is therefore not whole.",
) }}

select
    follow_up.report_period,
    follow_up.unit_code,
    follow_up.unit_name,
    periods.forecast_round
from {{ ref("follow_up") }} as follow_up
inner join {{ ref("int_report_period") }} as periods
    on follow_up.report_period = periods.report_period
where
    follow_up.parent_unit_code = {{ root_unit() }}
    and follow_up.report_line = 'net'
    and follow_up.forecast_year is null
    and follow_up.has_budget
    and periods.forecast_round is not null
