-- Every used account with a role in the personnel figures: the longest range that it lies in.
with used as (
    select code as account
    from {{ ref("int_used_code") }}
    where code_field = 'account'
),

candidate as (
    select
        used.account,
        ranges.role,
        row_number() over (
            partition by used.account
            order by length(ranges.account_from) desc, ranges.account_from, ranges.role
        ) as place
    from used
    inner join {{ ref("stg_derived__personnel_accounts") }} as ranges
        on
            length(used.account) >= length(ranges.account_from)
            and substr(used.account, 1, length(ranges.account_from)) between ranges.account_from and ranges.account_to
)

select
    account,
    role
from candidate
where place = 1
