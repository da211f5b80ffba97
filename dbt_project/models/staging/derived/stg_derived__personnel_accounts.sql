select
    account_from,
    account_to,
    role
from {{ derived_source("personnel_account") }}
