with report_line as (
    select
        report_line,
        parent_report_line
    from {{ ref("dim_report_line") }}
),

{{ ancestors("report_line", "report_line", "parent_report_line", levels=3) }}

select
    report_line,
    ancestor_report_line,
    distance
from ancestor
