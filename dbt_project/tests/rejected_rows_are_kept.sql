{{ check(
    "stg_raw__rejects",
    sv="Filen {file_name}: {rows_in} rader in, {rows_kept} behållna, {rows_set_aside} åsidosatta, {rows_bad} felaktiga, {rejects_found} i tabellen över avvisade rader.",
    en="The file {file_name}: {rows_in} rows in, {rows_kept} kept, {rows_set_aside} set aside, {rows_bad} bad, {rejects_found} in the table of rejected rows.",
) }}

-- Rows in = rows kept + rows set aside + rows bad, and the latter two stand in the reject table.
with found as (
    select
        load_id,
        count(*) as rejects_found
    from {{ ref("stg_raw__rejects") }}
    group by load_id
)

select
    loads.load_id,
    loads.file_name,
    loads.rows_in,
    loads.rows_kept,
    loads.rows_set_aside,
    loads.rows_bad,
    coalesce(found.rejects_found, 0) as rejects_found
from {{ ref("stg_raw__loads") }} as loads
left join found
    on loads.load_id = found.load_id
where
    loads.status = 'accepted'
    and (
        loads.rows_in <> loads.rows_kept + loads.rows_set_aside + loads.rows_bad
        or coalesce(found.rejects_found, 0) <> loads.rows_set_aside + loads.rows_bad
    )
