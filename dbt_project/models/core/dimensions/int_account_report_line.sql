-- Which line every used account belongs to, looked up once, so that the amounts need one join on equal keys.
with used as (
    select distinct
        codes.code as account,
        dim_period.fiscal_year
    from {{ ref("int_used_code") }} as codes
    inner join {{ ref("dim_period") }} as dim_period
        on dim_period.period between codes.first_period and codes.last_period
    where codes.code_field = 'account'
),

scope as (
    select
        'internal' as counterparty_group,
        'internal' as counterparty_scope
    union all
    select
        'group_company' as counterparty_group,
        'external' as counterparty_scope
    union all
    select
        'external' as counterparty_group,
        'external' as counterparty_scope
),

candidate as (
    select
        used.account,
        used.fiscal_year,
        scope.counterparty_group,
        ranges.report_line,
        rank() over (
            partition by used.account, used.fiscal_year, scope.counterparty_group
            order by ranges.prefix_length desc, ranges.scope_rank desc
        ) as place
    from used
    cross join scope
    left join {{ ref("int_report_line_range") }} as ranges
        on
            length(used.account) >= ranges.prefix_length
            and substr(used.account, 1, ranges.prefix_length) between ranges.account_from and ranges.account_to
            and used.fiscal_year between ranges.year_from and ranges.year_to
            and ranges.counterparty_scope in ('any', scope.counterparty_scope)
)

select
    account,
    fiscal_year,
    counterparty_group,
    min(report_line) as report_line,
    count(distinct report_line) as matching_lines
from candidate
where place = 1
group by account, fiscal_year, counterparty_group
