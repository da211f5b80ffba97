{{ check(
    "personnel_bridge",
    sv="{report_period}, {step}: kommunen har {top} kr, enheternas egna steg {own} kr.",
    en="{report_period}, {step}: the municipality has SEK {top}, the units' own steps SEK {own}.",
) }}

-- No step is lost on the way up: the top unit has what all units have, merged steps taken together.
with top as (
    select
        bridge.report_period,
        case when bridge.is_memo then 'memo' else 'bridge' end as step,
        sum(bridge.amount_period) as amount
    from {{ ref("personnel_bridge") }} as bridge
    where bridge.unit_code = {{ root_unit() }} and bridge.step <> 'net_staffing'
    group by bridge.report_period, case when bridge.is_memo then 'memo' else 'bridge' end
),

own as (
    select
        periods.report_period,
        case when steps.step = 'hired_staff' then 'memo' else 'bridge' end as step,
        sum(steps.amount) as amount
    from {{ ref("int_report_period") }} as periods
    inner join {{ ref("dim_period") }} as dim_period
        on
            periods.fiscal_year = dim_period.fiscal_year
            and dim_period.fiscal_month <= periods.fiscal_month
    inner join {{ ref("int_personnel_step") }} as steps
        on dim_period.period = steps.period
    group by periods.report_period, case when steps.step = 'hired_staff' then 'memo' else 'bridge' end
)

select
    own.report_period,
    own.step,
    coalesce(top.amount, 0) as top,
    own.amount as own
from own
left join top
    on own.report_period = top.report_period and own.step = top.step
where coalesce(top.amount, 0) <> own.amount
