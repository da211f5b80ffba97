select
    prefix,
    open_side
from {{ ref("interim_account") }}
