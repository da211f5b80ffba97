{{ check(
    "stg_raw__ledger_lines",
    sv="Filen med load_id {load_id} lämnade {stated_rows} rader ({entity}) på {stated_amount} kr, lagret har {rows_found} rader på {amount_found} kr.",
    en="The file with load_id {load_id} gave {stated_rows} rows ({entity}) of SEK {stated_amount}, the warehouse has {rows_found} rows of SEK {amount_found}.",
) }}

-- What the readers counted when they read the files is what the warehouse has, to the öre. In the stored sign (income +).
with found as (
    {% for entity, model in {
        "ledger_line": "stg_raw__ledger_lines",
        "period_balance": "stg_raw__period_balances",
        "year_balance": "stg_raw__year_balances",
        "budget_line": "stg_raw__budget_lines",
        "forecast_line": "stg_raw__forecast_lines",
        "payroll_line": "stg_raw__payroll_lines",
    }.items() %}
        select
            load_id,
            '{{ entity }}' as entity,
            count(*) as rows_found,
            -- correction history (RTRANS, BTRANS) stands beside the bookings and is not part of a file's amount
            cast(
                sum({% if entity == "ledger_line" %}case when line_kind = 'TRANS' then amount else 0 end{% else %}amount{% endif %})
                as decimal(38, 2)
            ) as amount_found
        from {{ ref(model) }}
        group by load_id
        {% if not loop.last %}union all{% endif %}
    {% endfor %}
),

stated as (
    select
        load_id,
        entity,
        sum(row_count) as row_count,
        sum(amount) as amount
    from {{ ref("stg_raw__load_entities") }}
    where entity in ('ledger_line', 'period_balance', 'year_balance', 'budget_line', 'forecast_line', 'payroll_line')
    group by load_id, entity
)

select
    coalesce(stated.load_id, found.load_id) as load_id,
    coalesce(stated.entity, found.entity) as entity,
    coalesce(stated.row_count, 0) as stated_rows,
    coalesce(found.rows_found, 0) as rows_found,
    coalesce(stated.amount, 0) as stated_amount,
    coalesce(found.amount_found, 0) as amount_found
from stated
full outer join found
    on stated.load_id = found.load_id and stated.entity = found.entity
where
    coalesce(stated.row_count, 0) <> coalesce(found.rows_found, 0)
    or coalesce(stated.amount, 0) <> coalesce(found.amount_found, 0)
