{{ published() }}

with {{ members("activity") }}

select
    code as activity,
    valid_from,
    valid_to,
    is_current,
    coalesce(code_name, code) as activity_name,
    parent_code as parent_activity,
    is_registered
from member
