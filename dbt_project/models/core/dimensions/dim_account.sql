{{ published() }}

with {{ members("account") }}

select
    code as account,
    valid_from,
    valid_to,
    is_current,
    coalesce(code_name, code) as account_name,
    account_type,
    substr(code, 1, 1) as account_class,
    substr(code, 1, 2) as account_group,
    is_registered
from member
