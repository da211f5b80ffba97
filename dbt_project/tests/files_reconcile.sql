{{ check(
    "stg_raw__controls",
    severity="warn",
    sv="Filen {file_name}: {control} stämmer inte i {differences} fall, sammanlagt {difference} kr.",
    en="The file {file_name}: {control} does not reconcile in {differences} cases, SEK {difference} in all.",
) }}

select
    loads.file_name,
    controls.load_id,
    controls.control,
    count(*) as differences,
    sum(controls.difference) as difference
from {{ ref("stg_raw__controls") }} as controls
inner join {{ ref("stg_raw__loads") }} as loads
    on controls.load_id = loads.load_id
group by loads.file_name, controls.load_id, controls.control
