{{ published() }}

with {{ members("project") }}

select
    code as project,
    valid_from,
    valid_to,
    is_current,
    coalesce(code_name, code) as project_name,
    parent_code as parent_project,
    is_registered
from member
