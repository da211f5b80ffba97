{{ published() }}

-- Every month from the year before the first that any load speaks for, to the year after the last.
with bound as (
    select
        min(cast(substr(period_from, 1, 4) as integer)) - 1 as first_year,
        max(cast(substr(period_to, 1, 4) as integer)) + 1 as last_year
    from {{ ref("stg_raw__load_entities") }}
    where period_from is not null
),

digit as (
    {% for digit in range(10) %}
        select {{ digit }} as digit
        {% if not loop.last %}union all{% endif %}
    {% endfor %}
),

year_number as (
    select 1900 + hundreds.digit * 100 + tens.digit * 10 + ones.digit as year_number
    from digit as hundreds
    cross join digit as tens
    cross join digit as ones
    where hundreds.digit < 2
),

month_number as (
    select 1 + tens.digit * 10 + ones.digit as month_number
    from digit as tens
    cross join digit as ones
    where tens.digit * 10 + ones.digit < 12
),

month_of_year as (
    select
        year_number.year_number,
        month_number.month_number,
        {{ period_name("year_number.year_number", "month_number.month_number") }} as period,
        case
            when month_number.month_number >= {{ fiscal_year_start() }} then year_number.year_number
            else year_number.year_number - 1
        end as fiscal_year,
        mod(month_number.month_number - {{ fiscal_year_start() }} + 12, 12) + 1 as fiscal_month
    from year_number
    cross join month_number
    inner join bound
        on year_number.year_number between bound.first_year and bound.last_year
)

select
    cast(period as string) as period,
    cast(year_number as integer) as calendar_year,
    cast(month_number as integer) as calendar_month,
    cast(fiscal_year as integer) as fiscal_year,
    cast(fiscal_month as integer) as fiscal_month,
    cast({{ period_name("year_number - 1", "month_number") }} as string) as previous_year_period,
    cast(period || '-01' as date) as first_day,
    last_day(cast(period || '-01' as date)) as last_day
from month_of_year
