select
    unit_code,
    period,
    sex,
    age_group,
    people,
    ordinary_hours,
    sick_hours,
    long_sick_hours
from {{ derived_source("people_time") }}
