select
    unit_code,
    period,
    planned_fte,
    filled_fte,
    worked_fte,
    employees,
    planned_cost,
    hr_cost,
    filled_cost,
    review_cost,
    vacancy_open,
    vacancy_known
from {{ derived_source("people_month") }}
