select
    load_id,
    source_file,
    source_row,
    employment,
    person,
    birth_year,
    sex,
    nullif(position, '') as position,
    nullif(title_code, '') as title_code,
    nullif(unit, '') as unit_code,
    nullif(activity, '') as activity,
    nullif(sub_activity, '') as sub_activity,
    nullif(project, '') as project,
    nullif(cost_object, '') as cost_object,
    nullif(counterparty, '') as counterparty,
    employment_form,
    wage_form,
    degree,
    degree_from,
    monthly_wage,
    wage_basis,
    wage_from,
    hourly_wage,
    weekly_hours,
    valid_from,
    valid_to,
    is_deleted
from {{ raw_source("employment") }}
where load_id in (
    select loads.load_id from {{ ref("stg_raw__loads") }} as loads
    where loads.status = 'accepted'
)
