select
    unit_code,
    period,
    cause,
    calendar_days,
    absent_fte,
    lost,
    paid,
    saved
from {{ derived_source("people_absence") }}
