select
    entity,
    load_id,
    source_file,
    source_row,
    reason,
    valid_from,
    valid_to
from {{ derived_source("people_excluded") }}
