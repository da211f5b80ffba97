-- Fråga: Varför avviker personalkostnaderna från budget?
-- En rad per: orsak; upplysningar (is_memo) ingår inte i summan
-- Parametrar: $report_period ('2015-03'), $unit_code ('KLK')
-- Kronor från årets början. Orsakerna summerar på öret till avvikelsen på raden Personalkostnader.

select
    bridge.step_order,
    bridge.step_name,
    bridge.amount_month,
    bridge.amount_period,
    bridge.is_memo,
    bridge.is_suppressed
from marts.personnel_bridge as bridge
where bridge.report_period = $report_period and bridge.unit_code = $unit_code
order by bridge.is_memo, bridge.step_order
