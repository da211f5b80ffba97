from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal

import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestration.readers.contract import ENTITIES, ENTITIES_HR
from orchestration.readers.people import CAUSES, IMPOSSIBLE, absence_causes, absence_of, impossible, resolve_spells

AS_OF = date(2015, 3, 31)
SCHEMA = {**pl.from_arrow(ENTITIES_HR["absence_spell"].empty_table()).schema, "sequence": pl.Int64}


def spells(*rows: dict) -> pl.DataFrame:
    base = {"employment": "e", "cause": "sick", "cause_code": "SJK", "is_deleted": False, "sequence": 1}
    filled = [{**dict.fromkeys(SCHEMA), **base, "source_row": number, **row} for number, row in enumerate(rows, 1)]
    return pl.DataFrame(filled, schema=SCHEMA)


def march(first: int, last: int | None, **more: object) -> dict:
    return {"valid_from": date(2015, 3, first), "valid_to": date(2015, 3, last) if last else None, **more}


def shown(frame: pl.DataFrame) -> list[tuple[int, int, int, str]]:
    return [
        (row["source_row"], row["valid_from"].day, row["valid_to"].day, f"{row['extent'] or 0:.2f}") for row in frame.to_dicts()
    ]


def test_the_schemas_are_of_the_contracts_kind() -> None:
    assert set(ENTITIES_HR) < set(ENTITIES)
    for schema in ENTITIES_HR.values():
        assert schema.field("source_row").type == pa.int64()
        assert not any(word in name for name in schema.names for word in ("name", "text", "info", "identity"))


def test_every_cause_is_known() -> None:
    assert set(absence_causes().values()) - {""} == set(CAUSES)


@pytest.mark.parametrize(
    ("text", "code", "cause"),
    [
        ("SJK", "SJK", "sick"),
        ("Sjukdom, karens", "SJK_KAR", "sick"),
        ("sjukskriven", "SJK", "sick"),
        ("VÅRD AV BARN", "VAB", "vab"),
        ("Tillf. föräldrapenning", "VAB", "vab"),
        ("Föräldraledig", "FPE", "parental"),
        ("FPE Föräldraledighet", "FPE", "parental"),
        ("Tjänstledig, studier", "UTB", "leave"),
        ("Semester obetald", "SEM_OBE", "leave"),
        ("FR1", "FR1", None),
        ("210", "210", None),
        ("LL7 Anna Svensson", "LL7", None),
        ("Sjuk, Anna Svensson", "SJK", "sick"),
        ("Anna Svensson är ledig", "?", None),
        ("19121212-1212", "?", None),
    ],
)
def test_a_cause_is_a_code_or_a_word_and_never_a_free_text(text: str, code: str, cause: str | None) -> None:
    assert absence_of(text) == (code, cause)


def test_the_employers_own_codes_are_mapped_by_the_source() -> None:
    assert absence_of("FR1", {"fr1": "leave"}) == ("FR1", "leave")
    assert absence_of("Egen ledighet", {"egen ledighet": "paid_leave"}) == ("egen ledighet", "paid_leave")


def test_every_reason_of_an_impossible_spell_is_put_in_words() -> None:
    assert {code for code in IMPOSSIBLE if code in impossible.__doc__} >= {"no_employment", "no_cause", "no_date"}


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (march(9, 6), "ends_before_start"),
        (march(1, 2, extent=Decimal(0)), "extent_out_of_range"),
        (march(1, 2, extent=Decimal("1.5")), "extent_out_of_range"),
        (march(1, 1, hours=Decimal(25)), "hours_out_of_range"),
        (march(1, 2, hours=Decimal(-1)), "hours_out_of_range"),
        (march(1, 2, employment=None), "no_employment"),
        (march(1, 2, cause=None, cause_code=None), "no_cause"),
        ({"valid_to": date(2015, 3, 1)}, "no_date"),
        ({"valid_from": date(1015, 3, 1)}, "date_out_of_range"),
    ],
)
def test_impossible_spells_are_rejected_with_their_row(row: dict, reason: str) -> None:
    result = resolve_spells(spells(march(1, 1), row), as_of=AS_OF)
    assert result.rejected.select("source_row", "reason_code").rows() == [(2, reason)]
    assert shown(result.current) == [(1, 1, 1, "1.00")]


def test_the_last_version_wins_and_history_is_kept() -> None:
    result = resolve_spells(
        spells(march(2, 13), march(2, 6, sequence=2), march(16, 17, sequence=1), march(16, 17, sequence=3, is_deleted=True)),
        as_of=AS_OF,
    )
    assert shown(result.current) == [(2, 2, 6, "1.00")]
    assert sorted(result.superseded["source_row"]) == [1, 3]


def test_ids_are_used_only_where_they_are_stable() -> None:
    rows = spells(march(2, 13, record_id="7"), march(3, 6, record_id="7", sequence=2))
    assert shown(resolve_spells(rows, as_of=AS_OF, stable_ids=True).current) == [(2, 3, 6, "1.00")]
    assert shown(resolve_spells(rows, as_of=AS_OF).current) == [(1, 2, 2, "1.00"), (2, 3, 6, "1.00"), (1, 7, 13, "1.00")]


def test_two_parts_of_a_day_in_one_export_are_both_kept() -> None:
    rows = spells(march(2, 2, hours=Decimal(3)), march(2, 2, hours=Decimal(2)))
    assert resolve_spells(rows, as_of=AS_OF).current["hours"].to_list() == [Decimal(3), Decimal(2)]


def test_an_open_spell_ends_for_now_on_the_day_of_the_report() -> None:
    result = resolve_spells(spells(march(20, None)), as_of=AS_OF)
    assert result.current.select("valid_to", "is_open").rows() == [(AS_OF, True)]


def test_a_corrected_extent_cuts_the_earlier_spell() -> None:
    # First wholly sick 2–20; corrected: half from the 9th.
    result = resolve_spells(spells(march(2, 20), march(9, 20, extent=Decimal("0.5"), sequence=2)), as_of=AS_OF)
    assert shown(result.current) == [(1, 2, 8, "1.00"), (2, 9, 20, "0.50")]
    assert result.cut.select("source_row", "because_of_row").rows() == [(1, 2)]


def test_half_sick_and_half_on_leave_both_stand() -> None:
    half = Decimal("0.5")
    rows = spells(march(2, 10, extent=half), march(5, 12, extent=half, cause="parental", cause_code="FPE", sequence=2))
    result = resolve_spells(rows, as_of=AS_OF)
    assert shown(result.current) == [(1, 2, 10, "0.50"), (2, 5, 12, "0.50")]
    assert result.cut.is_empty()


def test_nobody_is_away_more_than_full_time() -> None:
    # Parental leave all month, then sick days reported in it: the later report stands, the leave is cut round it.
    rows = spells(march(1, 31, cause="parental", cause_code="FPE"), march(10, 12, sequence=2))
    assert shown(resolve_spells(rows, as_of=AS_OF).current) == [(1, 1, 9, "1.00"), (2, 10, 12, "1.00"), (1, 13, 31, "1.00")]


@settings(max_examples=100, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.integers(1, 28),
            st.integers(0, 40),
            st.sampled_from(["sick", "parental", "vab"]),
            st.sampled_from(["1", "0.5", "0.25"]),
            st.integers(1, 3),
            st.sampled_from(["a", "b"]),
        ),
        max_size=8,
    )
)
def test_days_are_neither_lost_nor_made(drawn: list[tuple]) -> None:
    rows = spells(
        *(
            {
                "employment": who,
                "cause": cause,
                "cause_code": cause,
                "valid_from": date(2015, 3, day),
                "valid_to": date(2015, 3, day) + timedelta(days=length),
                "extent": Decimal(extent),
                "sequence": sequence,
            }
            for day, length, cause, extent, sequence, who in drawn
        )
    )
    result = resolve_spells(rows, as_of=AS_OF)
    by_day: dict[tuple[str, date], Decimal] = {}
    for row in result.current.to_dicts():
        day = row["valid_from"]
        while day <= row["valid_to"]:
            key = (row["employment"], day)
            by_day[key] = by_day.get(key, Decimal(0)) + row["extent"]
            day += timedelta(days=1)
    assert all(0 < extent <= 1 for extent in by_day.values())

    def volume(frame: pl.DataFrame) -> Decimal:
        return sum((((r["valid_to"] - r["valid_from"]).days + 1) * r["extent"] for r in frame.to_dicts()), Decimal(0))

    assert volume(result.current) + volume(result.cut) + volume(result.superseded) == volume(rows)
    # Everybody who was away on a day still is.
    away = {
        (r["employment"], r["valid_from"] + timedelta(days=n))
        for r in rows.join(result.superseded.select("source_row"), on="source_row", how="anti").to_dicts()
        for n in range((r["valid_to"] - r["valid_from"]).days + 1)
    }
    assert set(by_day) == away
