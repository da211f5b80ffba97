-- The municipality's own map replaces the shipped one entirely.
with own as (
    select
        ranges.year_from,
        ranges.year_to,
        ranges.account_from,
        ranges.account_to,
        ranges.counterparty_scope,
        ranges.report_line,
        rank() over (order by loads.sequence desc) as place
    from {{ ref("stg_raw__report_line_accounts") }} as ranges
    inner join {{ ref("stg_raw__loads") }} as loads
        on ranges.load_id = loads.load_id
),

account_range as (
    select
        year_from,
        year_to,
        account_from,
        account_to,
        counterparty_scope,
        report_line
    from own
    where place = 1
    union all
    select
        cast(year_from as integer) as year_from,
        cast(year_to as integer) as year_to,
        cast(account_from as string) as account_from,
        cast(account_to as string) as account_to,
        counterparty_scope,
        report_line
    from {{ ref("report_line_account") }}
    where not exists (select 1 from own)
)

select
    coalesce(year_from, 0) as year_from,
    coalesce(year_to, 9999) as year_to,
    account_from,
    account_to,
    length(account_from) as prefix_length,
    counterparty_scope,
    case when counterparty_scope = 'any' then 0 else 1 end as scope_rank,
    report_line
from account_range
