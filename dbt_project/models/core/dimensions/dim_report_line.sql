{{ published() }}

select
    line_key as report_line,
    name_sv as report_line_name,
    short_name_sv as report_line_short_name,
    name_en as report_line_name_en,
    sort_order as report_line_order,
    parent_key as parent_report_line,
    is_total,
    is_optional,
    in_net
from {{ ref("report_line") }}
