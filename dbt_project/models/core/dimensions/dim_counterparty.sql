{{ published() }}

with {{ members("counterparty") }}

select
    member.code as counterparty,
    member.valid_from,
    member.valid_to,
    member.is_current,
    coalesce(member.code_name, member.code) as counterparty_name,
    groups.counterparty_group,
    member.is_registered
from member
left join {{ ref("int_counterparty_group") }} as groups
    on member.code = groups.counterparty
