-- Fråga: Är prognosen rimlig mot utfallet hittills?
-- En rad per: rad i uppföljningen
-- Parametrar: $report_period ('2015-03'), $unit_code ('KLK')
-- Kronor per månad: takten hittills, och den som resten av året måste ha för att prognosen ska slå in. Tomt i december.

select
    follow_up.report_line_name,
    follow_up.forecast_round,
    follow_up.outcome_period,
    follow_up.forecast_year,
    follow_up.deviation_forecast,
    cast(follow_up.outcome_period / periods.fiscal_month as decimal(18, 2)) as rate_so_far,
    case
        when periods.fiscal_month < 12
            then cast((follow_up.forecast_year - follow_up.outcome_period) / (12 - periods.fiscal_month) as decimal(18, 2))
    end as rate_left
from marts.follow_up as follow_up
inner join marts.dim_period as periods
    on follow_up.report_period = periods.period
inner join marts.dim_report_line as lines
    on follow_up.report_line = lines.report_line
where
    follow_up.report_period = $report_period
    and follow_up.unit_code = $unit_code
    and lines.in_net
order by follow_up.report_line_order
