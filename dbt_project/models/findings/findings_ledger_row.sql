with told as (
    select
        ledger.*,
        case when ledger.line in ('balance', '') then '' else coalesce(text.stem, '') end as stem,
        text.is_final,
        text.is_credit,
        text.said_from,
        text.said_to,
        text.said_year,
        text.said_year_to,
        -- Months since the month that the text names was last reached.
        ((ledger.m - (text.said_from - 1)) % 12 + 12) % 12 as months_since
    from {{ ref("findings_ledger") }} as ledger
    left join {{ ref("findings_text") }} as text
        on ledger.txt = text.txt
),

dated as (
    select
        told.*,
        case
            when said_from is null then null
            when said_year is not null then said_year * 12 + said_from - 1
            -- No year told: the nearest one that is at most eight months back and three ahead.
            else m - months_since + case when months_since > 8 then 12 else 0 end
        end as said_first
    from told
)

select
    dated.rid,
    dated.load_no,
    dated.m,
    item.item_id,
    dated.voucher_series,
    dated.voucher_number,
    dated.voucher_date,
    dated.dated_on,
    dated.registration_date,
    dated.amount,
    dated.txt,
    dated.ref,
    dated.is_final,
    dated.is_credit,
    coalesce(dated.sf_own, dated.said_first) as sf,
    coalesce(
        dated.st_own,
        case
            when dated.said_first is null then null
            when dated.said_year_to is not null then dated.said_year_to * 12 + dated.said_to - 1
            else dated.said_first + ((dated.said_to - dated.said_from) % 12 + 12) % 12
        end
    ) as st,
    dated.sf_own is not null as service_stated
from dated
inner join {{ ref("findings_item") }} as item
    on
        dated.unit = item.unit
        and dated.account = item.account
        and dated.line = item.line
        and dated.internal = item.internal
        and dated.cp_own = item.cp_own
        and dated.party_own = item.party_own
        and dated.stem = item.stem
