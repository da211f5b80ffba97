select
    fiscal_year,
    unit_code,
    group_code
from {{ derived_source("hidden_group") }}
