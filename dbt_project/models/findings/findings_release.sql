select
    {{ month_number_of_period("period") }} as m,
    max(released_on) as released_on
from {{ ref("period_release") }}
group by period
