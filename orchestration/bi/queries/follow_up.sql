-- Fråga: Hur går det för en enhet och de närmast under den, rad för rad, och vad väntas helåret bli?
-- En rad per: enhet och rad i uppföljningen, i tryckt ordning; först enheten själv
-- Parametrar: $report_period ('2015-03'), $unit_code ('KLK')
-- Kronor, intäkter +, kostnader −. Avvikelse = utfall − budget: plus är bättre. Organisationen är rapportmånadens.

select
    follow_up.unit_code,
    follow_up.unit_name,
    follow_up.report_line_name,
    follow_up.outcome_period,
    follow_up.budget_period,
    follow_up.deviation_period,
    follow_up.forecast_year,
    follow_up.budget_year,
    follow_up.deviation_forecast
from marts.follow_up as follow_up
inner join marts.dim_report_line as lines
    on follow_up.report_line = lines.report_line
where
    follow_up.report_period = $report_period
    and (follow_up.unit_code = $unit_code or follow_up.parent_unit_code = $unit_code)
    and lines.in_net
order by follow_up.unit_level, follow_up.unit_code, follow_up.report_line_order
