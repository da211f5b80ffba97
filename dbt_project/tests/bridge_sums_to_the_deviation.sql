{{ check(
    "personnel_bridge",
    sv="{report_period}, {unit_code}: stegen i personalbryggan är {bridge_period} kr, personalens avvikelse {deviation_period} kr.",
    en="{report_period}, {unit_code}: the steps of the personnel bridge are SEK {bridge_period}, personnel's deviation SEK {deviation_period}.",
) }}

-- The steps of every unit, memo rows left out, are the deviation of its personnel line, month and period, to the öre.
with bridge as (
    select
        report_period,
        unit_code,
        sum(amount_month) as amount_month,
        sum(amount_period) as amount_period
    from {{ ref("personnel_bridge") }}
    where not is_memo
    group by report_period, unit_code
),

follow_up as (
    select
        report_period,
        unit_code,
        deviation_month,
        deviation_period
    from {{ ref("follow_up") }}
    where report_line = 'personnel'
)

select
    coalesce(bridge.report_period, follow_up.report_period) as report_period,
    coalesce(bridge.unit_code, follow_up.unit_code) as unit_code,
    coalesce(bridge.amount_month, 0) as bridge_month,
    coalesce(follow_up.deviation_month, 0) as deviation_month,
    coalesce(bridge.amount_period, 0) as bridge_period,
    coalesce(follow_up.deviation_period, 0) as deviation_period
from bridge
full outer join follow_up
    on bridge.report_period = follow_up.report_period and bridge.unit_code = follow_up.unit_code
where
    coalesce(bridge.amount_month, 0) <> coalesce(follow_up.deviation_month, 0)
    or coalesce(bridge.amount_period, 0) <> coalesce(follow_up.deviation_period, 0)
