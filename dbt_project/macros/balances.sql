{#
  Common table expressions that end in `counted`: a SIE file states one amount in several views (#PSALDO, #PBUDGET: a row without
  objects, and rows per combination of dimensions). Counted are the rows of one combination (`chosen_set`) and, for each load,
  period and account, what the row without objects says beyond them.

  balance: a common table expression with load_id, source_row, period, account, dimension_set, chosen_set, semantics, amount
  and the columns that `counted` keeps. semantics 'remainder': the row without objects
  is already what remains; otherwise it is the total. chosen_set '*': the rows of every combination count.
#}
{% macro counted_balances(balance) %}
chosen as (
    select * from {{ balance }}
    where dimension_set <> '' and chosen_set in (dimension_set, '*')
),

chosen_total as (
    select load_id, period, account, sum(amount) as amount
    from chosen
    group by load_id, period, account
),

without_objects as (
    select
        {{ balance }}.*,
        row_number() over (partition by load_id, period, account order by source_row) as place
    from {{ balance }}
    where dimension_set = ''
),

rest as (
    select
        without_objects.*,
        chosen_total.load_id is not null as has_objects,
        case
            when without_objects.semantics = 'remainder' or without_objects.place > 1 then without_objects.amount
            else without_objects.amount - coalesce(chosen_total.amount, 0)
        end as rest_amount
    from without_objects
    left join chosen_total
        on
            without_objects.load_id = chosen_total.load_id
            and without_objects.period = chosen_total.period
            and without_objects.account = chosen_total.account
),

counted as (
    select
        load_id, source_file, source_row, fiscal_year, period, account, report_line, unit_code, activity, sub_activity,
        project, cost_object, counterparty, budget_type, quantity, cast(amount as decimal(18, 2)) as amount
    from chosen
    union all
    select
        load_id, source_file, source_row, fiscal_year, period, account, report_line, unit_code, activity, sub_activity,
        project, cost_object, counterparty, budget_type, quantity, cast(rest_amount as decimal(18, 2)) as amount
    from rest
    where rest_amount <> 0 or not has_objects
)
{% endmacro %}
