-- Fråga: Vilka enheter närmast under en enhet avviker, och på vilken rad?
-- En rad per: underenhet och rad (summorna med)
-- Parametrar: $report_period ('2015-03'), $unit_code ('KLK')
-- Kronor, plus är bättre. Organisationen är rapportmånadens.

select
    below.unit_code,
    below.unit_name,
    below.report_line,
    below.report_line_name,
    below.deviation_period,
    below.deviation_forecast
from marts.follow_up as below
inner join marts.dim_report_line as lines
    on below.report_line = lines.report_line
where
    below.report_period = $report_period
    and below.parent_unit_code = $unit_code
    and lines.in_net
order by below.unit_code, below.report_line_order
