{{ check(
    "int_budget_line",
    sv="Laddningen {load_id}, år {fiscal_year}: filens budget är {stated_amount} kr, lagret har {amount_found} kr.",
    en="Load {load_id}, year {fiscal_year}: the file's budget is SEK {stated_amount}, the warehouse has SEK {amount_found}.",
) }}

-- The budget of each load and year in force, spread or not, adds up to what the file says.
with row_of_file as (
    select
        lines.load_id,
        coalesce(dim_period.fiscal_year, lines.fiscal_year) as fiscal_year,
        lines.period,
        lines.account,
        lines.dimension_set,
        lines.amount,
        loads.pbudget_semantics as semantics,
        loads.pbudget_dimension_set
    from {{ ref("stg_raw__budget_lines") }} as lines
    inner join {{ ref("stg_raw__loads") }} as loads
        on lines.load_id = loads.load_id
    left join {{ ref("dim_period") }} as dim_period
        on lines.period = dim_period.period
),

by_account as (
    select
        load_id,
        fiscal_year,
        period,
        account,
        max(semantics) as semantics,
        sum(case when dimension_set = '' then amount end) as without_objects,
        sum(case
            when dimension_set <> '' and pbudget_dimension_set in (dimension_set, '*') then amount
        end) as with_objects
    from row_of_file
    group by load_id, fiscal_year, period, account
),

-- A load's budget may be in force for some of a year's months: only whole years are compared row for row.
scope as (
    select
        load_id,
        fiscal_year,
        min(case when is_active then 1 else 0 end) as is_active
    from {{ ref("int_load_scope") }}
    where entity = 'budget_line'
    group by load_id, fiscal_year
),

expected as (
    select
        by_account.load_id,
        by_account.fiscal_year,
        sum(case
            when by_account.semantics = 'remainder'
                then coalesce(by_account.without_objects, 0) + coalesce(by_account.with_objects, 0)
            else coalesce(by_account.without_objects, by_account.with_objects, 0)
        end) as amount
    from by_account
    left join scope
        on by_account.load_id = scope.load_id and by_account.fiscal_year = scope.fiscal_year
    where coalesce(scope.is_active, 1) = 1
    group by by_account.load_id, by_account.fiscal_year
),

found as (
    select
        lines.load_id,
        lines.fiscal_year,
        sum(lines.amount) as amount
    from {{ ref("int_budget_line") }} as lines
    left join scope
        on lines.load_id = scope.load_id and lines.fiscal_year = scope.fiscal_year
    where coalesce(scope.is_active, 1) = 1
    group by lines.load_id, lines.fiscal_year
)

select
    coalesce(expected.load_id, found.load_id) as load_id,
    coalesce(expected.fiscal_year, found.fiscal_year) as fiscal_year,
    coalesce(expected.amount, 0) as stated_amount,
    coalesce(found.amount, 0) as amount_found
from expected
full outer join found
    on expected.load_id = found.load_id and expected.fiscal_year = found.fiscal_year
where coalesce(expected.amount, 0) <> coalesce(found.amount, 0)
