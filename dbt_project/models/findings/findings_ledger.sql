select
    loads.load_no * 4294967296 + lines.source_row as rid,
    loads.load_no,
    {{ month_number_of_period("lines.period") }} as m,
    coalesce(lines.voucher_series, '') as voucher_series,
    coalesce(lines.voucher_number, '') as voucher_number,
    lines.voucher_date,
    coalesce(lines.transaction_date, lines.voucher_date) as dated_on,
    lines.registration_date,
    lines.account,
    lines.amount,
    coalesce(lines.unit_code, '') as unit,
    coalesce(lines.counterparty, '') as cp_own,
    coalesce(lines.counterparty_group = 'internal', false) as internal,
    coalesce(lines.report_line, '') as line,
    lower(trim(coalesce(nullif(lines.row_text, ''), lines.voucher_text, ''))) as txt,
    coalesce(
        nullif(trim(lines.party), ''),
        named.party,
        ''
    ) as party_own,
    trim(leading '0' from upper({{ regexp_replace_all("coalesce(lines.reference, '')", "[^0-9A-Za-zÅÄÖåäö]", "") }})) as ref,
    {{ month_number_of_date("lines.service_from") }} as sf_own,
    {{ month_number_of_date("lines.service_to") }} as st_own
from {{ ref("fct_ledger_line") }} as lines
inner join {{ ref("findings_load") }} as loads
    on lines.load_id = loads.load_id and lines.source_file = loads.source_file
left join {{ ref("findings_party_name") }} as named
    on
        coalesce(lines.unit_code, '') = named.unit
        and lines.account = named.account
        and lines.party_name = named.party_name
