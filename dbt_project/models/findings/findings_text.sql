{%- set months = [
    ("jan", "januari"), ("feb", "februari"), ("mar", "mars"), ("apr", "april"), ("maj", "maj"), ("jun", "juni"),
    ("jul", "juli"), ("aug", "augusti"), ("sep", "september"), ("okt", "oktober"), ("nov", "november"), ("dec", "december"),
] -%}
{%- set long = months | map("last") | join("|") -%}
{#- Whole words: 'mars' is a month, 'markhyra' is not. -#}
{%- set name = long ~ "|sept|" ~ (months | map("first") | join("|")) -%}
{%- set year_month = "20[0-9]{2})[-/.]?(?:0[1-9]|1[0-2])(?:[^0-9]|$)" -%}
{%- set no_words = "jan|feb|mar|apr|jun|jul|aug|sep|sept|okt|nov|dec|kv|kvartal|q|avser|avs|faktura|fakt|fakturanr|nr"
    ~ "|perioden|period|retroaktivt|retro|upplupen|upplupna|periodisering|period|uppbokning|kredit|kreditfaktura"
    ~ "|omfakturering|slutfaktura" -%}
-- 1. Distinct texts without figures, months and the words of bookkeeping: what is left is the business itself.
with text as (
    select distinct txt
    from {{ ref("findings_ledger") }}
    where line not in ('balance', '')
),

letters as (
    select
        txt,
        {{ regexp_replace_all("txt", "[^a-zåäöéü ]", " ") }} as words
    from text
),

business as (
    select
        txt,
        {{ regexp_replace_all("words", "\\b(" ~ long ~ "|" ~ no_words ~ ")\\b", " ") }} as words
    from letters
),

turned as (
    select
        txt,
        {{ regexp_replace_all("words", "(återföring|återför)", " ") }} as words
    from business
),

single as (
    select
        txt,
        {{ regexp_replace_all("words", "(^| )[a-zåäöéü]( |$)", " ") }} as words
    from turned
),

stemmed as (
    select
        txt,
        trim({{ regexp_replace_all("words", " +", " ") }}) as stem
    from single
),

-- 2. The period that the text tells, in the forms that it is written in.
said as (
    select
        txt,
        stem,
        {{ regexp_whole_number("txt", "(?:^|[^0-9])(" ~ year_month) }} as iso_year,
        {{ regexp_whole_number("txt", "(?:^|[^0-9])20[0-9]{2}[-/.]?(0[1-9]|1[0-2])(?:[^0-9]|$)") }} as iso_month,
        {{ regexp_whole_number("txt", "(?:0[1-9]|1[0-2])[^0-9]+(" ~ year_month) }} as iso_year_to,
        {{ regexp_whole_number(
            "txt", "(?:0[1-9]|1[0-2])[^0-9]+20[0-9]{2}[-/.]?(0[1-9]|1[0-2])(?:[^0-9]|$)"
        ) }} as iso_month_to,
        {{ regexp_whole_number("txt", "(?:^|[^0-9])(0[1-9]|1[0-2])/[0-9]{2}(?:[^0-9]|$)") }} as slash_month,
        {{ regexp_whole_number("txt", "(?:^|[^0-9])(?:0[1-9]|1[0-2])/([0-9]{2})(?:[^0-9]|$)") }} as slash_year,
        substr({{ regexp_group("txt", "\\b(" ~ name ~ ")\\b") }}, 1, 3) as name_from,
        substr({{ regexp_group(
            "txt", "\\b(?:" ~ name ~ ")[.]? ?(?:20[0-9]{2})? ?(?:-|till|t o m|tom) ?(" ~ name ~ ")\\b"
        ) }}, 1, 3) as name_to,
        {{ regexp_whole_number("txt", "\\b(?:kv|kvartal|q) ?\\.?([1-4])") }} as quarter,
        {{ regexp_whole_number("txt", "(?:^|[^0-9/-])(20[0-9]{2})(?:[^0-9/-]|$)") }} as bare_year,
        {{ regexp_found("txt", "(helår|\\bår|avser) ?20[0-9]{2}( |$)") }} as whole_year,
        {{ regexp_found(
            "txt", "(slutfaktura|slutreglering|sista faktur|avslut|upphör|uppsagd|uppsägning)"
        ) }} as is_final,
        {{ regexp_found("txt", "(kredit|återföring|rättelse|makul|omfakt|felaktig)") }} as is_credit
    from stemmed
),

numbered as (
    select
        said.*,
        case said.name_from
            {%- for month in months %}
                when '{{ month[0] }}' then {{ loop.index }}
            {%- endfor %}
        end as month_from,
        case said.name_to
            {%- for month in months %}
                when '{{ month[0] }}' then {{ loop.index }}
            {%- endfor %}
        end as month_to
    from said
)

select
    txt,
    stem,
    is_final,
    is_credit,
    coalesce(iso_year, 2000 + slash_year, bare_year) as said_year,
    coalesce(iso_month, slash_month, month_from, quarter * 3 - 2, case when whole_year then 1 end) as said_from,
    coalesce(
        iso_month_to, iso_month, slash_month, month_to, month_from, quarter * 3, case when whole_year then 12 end
    ) as said_to,
    iso_year_to as said_year_to
from numbered
