"""What was known at a close: the engine's tables as they stood then, read from the databases of a finished build.

A close of month P sees the vouchers of months up to P that had been *delivered and registered* by then:

- **Deliveries.** `int_ledger_version` says which load was the ledger of a month at which closes. A year-to-date export that
  replaces an earlier one does so from its own delivery on; before that, the rows of the replaced load are the ledger
  (`int_superseded_ledger_line`), also those that a correction has removed since.
- **Registration dates** matter where a month came late, in a delivery of history: then only what was registered by the month's
  release counts, or, where less than a year has such dates, within a month after its end. A month that was delivered in its own
  time is known by the delivery itself.
- **Releases** (`period_release`): the register's date; otherwise the first publication after the month, which is when the first
  load that spoke for it was exported (the file's own date, or its newest registration date, or when it was taken in). Of months
  that came later, in a delivery of history: ten days after the day by which nearly all of a month's rows are registered.

Two things are read as they are now: outcomes that come from balances without vouchers, and registers (units, agreements), which
carry validity dates of their own. The result of a close is kept (`run`), so a register that changes later does not change the
closes before it.

The rows of all closes that are computed in one run are staged once (`stage_rows`); a close says which of them were its ledger.

What belongs here: which rows, and where they lie. What does not: what is made of them (`engine`).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from pathlib import Path

import duckdb

from orchestration.errors import AvvikError, Text
from orchestration.findings import engine
from orchestration.periods import add_months, check_period

LEDGER = "fct_ledger_line"
#: What the database may hold in memory; what is more lies on disk meanwhile. The matrices of the series come on top.
_MEMORY = "2GB"
#: Lines under which one thread is quicker than several, since the statements are many and each is small.
_FEW_LINES = 500_000
#: Months of ledger before the first close.
_HISTORY = 12
#: The last day of a row's month, and the days after the usual last registration that nobody registers in any more.
_MONTH_END = "last_day(cast(l.period || '-01' as date))"
_AFTER_USUAL = 10
#: The engine's name of a table: where a build may have it. Whatever is in the catalogue is used; the rest is absent.
_PLACES = {
    "dim_unit": ("reporting", "marts", "dim_unit"),
    "agreement": ("warehouse", "core", "agreement"),
    "internal_agreement": ("warehouse", "core", "internal_agreement"),
    "payroll": ("warehouse", "core", "int_payroll_month"),
}
_AMOUNTS = ("warehouse", "core", "int_amount")
_RELEASES = ("warehouse", "core", "period_release")
_BUDGET = ("warehouse", "core", "int_budget_line")


@contextmanager
def open_build(warehouse: Path, reporting: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """Open both databases of a build read-only, under the names that their views use.

    Raises:
        AvvikError: one of them is missing: there is no build.
    """
    with duckdb.connect() as connection:
        spill = str(warehouse.parent / "findings.tmp").replace("'", "''")
        connection.execute(f"set memory_limit = '{_MEMORY}'; set temp_directory = '{spill}'")
        for name, path in (("warehouse", warehouse), ("reporting", reporting)):
            if not path.exists():
                raise AvvikError(
                    Text(sv=f"{path} finns inte. Kör hela månadskörningen (avvik run).", en=f"{path} is missing. Run avvik run.")
                )
            quoted = str(path).replace("'", "''")
            connection.execute(f"attach '{quoted}' as {name} (read_only)")
        yield connection


def _exists(con: duckdb.DuckDBPyConnection, place: tuple[str, str, str]) -> bool:
    """Look a table or view up in the catalogue."""
    found = con.execute(
        "select count(*) from (select database_name, schema_name, table_name from duckdb_tables() "
        "union all select database_name, schema_name, view_name from duckdb_views()) as t "
        "where database_name = ? and schema_name = ? and table_name = ?",
        list(place),
    ).fetchone()
    return bool(found and found[0])


def prepare(con: duckdb.DuckDBPyConnection) -> None:
    """Give the engine the tables that are the same at every close, and the releases."""
    for name, place in _PLACES.items():
        if _exists(con, place):
            con.execute(f"create view {name} as from {'.'.join(place)}")
    if _exists(con, _AMOUNTS):  # outcomes are the ledger's rows
        con.execute(f"create view int_amount as from {'.'.join(_AMOUNTS)} where amount_type <> 'outcome'")
    con.execute(
        "create table known_balance as "  # noqa: S608 a constant
        f"select distinct load_id, period from reporting.marts.{LEDGER} where outcome_from <> 'TRANS'"
    )
    con.execute("create table period_release (period varchar, released_on date, is_stated boolean)")
    if _exists(con, _RELEASES):
        con.execute(
            f"insert into period_release select period, max(cast(released_on as date)), true from {'.'.join(_RELEASES)} "  # noqa: S608
            "where period is not null and released_on is not null group by period"
        )
    # When each ledger file was exported. A file that does not say was exported when its newest row had been registered.
    con.execute(
        """
        create table known_export as
        select l.load_id, l.delivery,
            coalesce(l.generated_on, cast(newest.registered as date), cast(l.loaded_at as date)) as exported_on
        from warehouse.staging.stg_raw__loads as l
        left join (
            select load_id, max(registration_date) as registered from warehouse.staging.stg_raw__ledger_lines
            where load_id in (
                select load_id from warehouse.staging.stg_raw__loads where generated_on is null and kind = 'ledger'
            )
            group by load_id
        ) as newest on l.load_id = newest.load_id
        where l.status = 'accepted'
        """
    )
    con.execute(
        """
        create table known_version as
        select v.*, e.delivery, e.exported_on,
            min(e.delivery) over (partition by v.period) as first_delivery
        from warehouse.core.int_ledger_version as v inner join known_export as e on v.load_id = e.load_id
        """
    )
    # A month that came long afterwards, in a delivery of history, was released when its last rows had usually been registered.
    con.execute(
        f"""
        create table known_usual_release as
        with lag as (
            select l.period, quantile_disc(date_diff('day', {_MONTH_END}, l.registration_date), 0.995) as days
            from reporting.marts.{LEDGER} as l where l.registration_date is not null group by l.period
        )
        select cast(round(greatest(median(days), 0)) as integer) + {_AFTER_USUAL} as days from lag having count(*) >= {_HISTORY}
        """  # noqa: S608 constants
    )
    con.execute(
        f"""
        insert into period_release
        select l.period, least(max(l.exported_on), max(case when l.first_delivery > strftime({_MONTH_END} + 1, '%Y-%m')
            then {_MONTH_END} + usual.days end)), false
        from known_version as l left join known_usual_release as usual on true
        where l.delivery = l.first_delivery and l.period not in (select period from period_release)
        group by l.period
        """  # noqa: S608 constants
    )


def closes(con: duckdb.DuckDBPyConnection, kept: str | None = None) -> list[str]:
    """Return the closes to compute, oldest first: reported months with a year of ledger before them.

    With less history most findings would be about what is new. A ledger that is younger than that is looked at from its second
    month on, and such closes stay when it grows older. kept: the oldest close that has been computed before.
    """
    rows = con.execute("select distinct report_period from reporting.marts.follow_up order by 1").fetchall()
    first = con.execute(f"select min(period) from reporting.marts.{LEDGER}").fetchone()  # noqa: S608 a constant
    if not rows or first is None or first[0] is None:
        return []
    periods = [period for (period,) in rows]
    second, year = add_months(first[0], 1), add_months(first[0], _HISTORY)
    start = second if periods[-1] < year else max(second, min(year, kept or year))
    return [period for period in periods if period >= start]


def known_on(con: duckdb.DuckDBPyConnection, period: str) -> date | None:
    """Return the last registration date that the close of a month knew; None where it knew all that had been delivered."""
    check_period(period)
    row = con.execute(
        "select min(first_delivery), max(exported_on) filter (where known_from <= ? and coalesce(known_until, '9999') > ?) "
        "from known_version where period = ?",
        [period, period, period],
    ).fetchone()
    if row is None or row[0] is None:
        return None
    if row[0] <= add_months(period, 1):
        return row[1]
    released = con.execute(
        "select released_on from period_release where period = ? and (is_stated or exists (from known_usual_release))", [period]
    ).fetchone()
    following = add_months(period, 2)
    return released[0] if released else date(int(following[:4]), int(following[5:]), 1) - timedelta(days=1)


def versions(con: duckdb.DuckDBPyConnection, period: str) -> list[tuple[str, str]]:
    """Return (load, month) of the vouchers in force at the close of a month, sorted: what its ledger consists of."""
    return con.execute(
        "select load_id, period from known_version where period <= ? and known_from <= ? and coalesce(known_until, '9999') > ? "
        "order by 1, 2",
        [period, period, period],
    ).fetchall()


def loads_until(con: duckdb.DuckDBPyConnection, period: str) -> list[str]:
    """Return the loads that a close rests on beside the vouchers: delivered by then, or the first ones of their source."""
    rows = con.execute(
        """
        select load_id from (
            select load_id, delivery, min(delivery) over (partition by source) as first_delivery
            from warehouse.staging.stg_raw__loads where status = 'accepted' and kind <> 'ledger'
        ) as l where delivery <= greatest(?, first_delivery) order by 1
        """,
        [period],
    ).fetchall()
    return [load for (load,) in rows]


def ledger_as_of(con: duckdb.DuckDBPyConnection, period: str) -> str:
    """Return the SELECT of `fct_ledger_line` as the close of a month had it: months up to then, delivered and registered."""
    until = known_on(con, period)
    registered = f"and (l.registration_date is null or l.registration_date <= date '{until}')" if until else ""
    return (
        f"select l.* from ({_ledger_of(con, [period])}) as l inner join ({_in_force(period)}) as v "  # noqa: S608
        f"on l.load_id = v.load_id and l.period = v.period where true {registered}"
    )


def _ledger_of(con: duckdb.DuckDBPyConnection, periods: list[str]) -> str:
    """Return the SELECT of every ledger line that any of these closes had: what counts now, and what was replaced after them."""
    last, listed = max(periods), ", ".join(f"('{check_period(period)}')" for period in periods)
    replaced = (
        "select distinct v.load_id, v.period from known_version as v "  # noqa: S608 checked months
        f"inner join (values {listed}) as c(close) on v.known_from <= c.close and v.known_until > c.close "
        "where not v.is_active and v.period <= c.close"
    )
    active = f"select * from reporting.marts.{LEDGER} where period <= '{last}'"  # noqa: S608 a constant and a checked month
    if con.execute(f"select count(*) from ({replaced}) as r").fetchone() == (0,):  # noqa: S608
        return active
    return (
        f"{active} union all by name select l.* from warehouse.core.int_superseded_ledger_line as l "  # noqa: S608
        f"inner join ({replaced}) as v on l.load_id = v.load_id and l.period = v.period"
    )


def _in_force(period: str) -> str:
    """Return the SELECT of (load_id, period): the loads that are the ledger of each month at the close. Balances always are."""
    check_period(period)
    return (
        "select load_id, period from known_version "  # noqa: S608
        f"where period <= '{period}' and known_from <= '{period}' and coalesce(known_until, '9999') > '{period}' "
        f"union select load_id, period from known_balance where period <= '{period}'"
    )


def stage_rows(con: duckdb.DuckDBPyConnection, periods: list[str]) -> None:
    """Give the engine the ledger rows of these closes, once for all of them."""
    con.execute(f"create or replace view {LEDGER} as {_ledger_of(con, periods)}")
    lines = con.execute(f"select count(*) from reporting.marts.{LEDGER}").fetchone()  # noqa: S608 a constant
    if lines and lines[0] < _FEW_LINES:
        con.execute("set threads = 1")
    engine.stage_rows(con)


def set_close(con: duckdb.DuckDBPyConnection, period: str) -> None:
    """Let the ledger of the engine be what the close of a month knew. The day that it knew registrations of is `known_on`."""
    con.execute(f"create or replace temp table ledger_version as {_in_force(period)}")


def restated(con: duckdb.DuckDBPyConnection, before: str, period: str) -> duckdb.DuckDBPyRelation:
    """Return month, unit and line whose outcome the close of `period` has otherwise than the close `before` had it.

    Needs `stage_rows` of both closes.
    """

    def had(close: str, version: str) -> str:
        until = known_on(con, close)
        registered = f" and (r.registration_date is null or r.registration_date <= date '{until}')" if until else ""
        return f"sum(case when {version}.period is not null{registered} then r.amount else 0 end)"

    return con.sql(
        f"""
        with named as (
            select r.*, o.load_id, cast(r.m // 12 as varchar) || '-' || lpad(cast(r.m % 12 + 1 as varchar), 2, '0') as period
            from f_ledger_row as r inner join f_load as o on r.load_no = o.load_no
        ), compared as (
            select r.period, i.unit as unit_code, i.line as report_line,
                {had(before, "was")} as amount_before, {had(period, "is_now")} as amount_after
            from named as r inner join f_item as i on r.item_id = i.item_id
            left join ({_in_force(before)}) as was on r.load_id = was.load_id and r.period = was.period
            left join ({_in_force(period)}) as is_now on r.load_id = is_now.load_id and r.period = is_now.period
            where i.line not in ('balance', '') and r.period <= '{check_period(before)}'
            group by r.period, i.unit, i.line
        )
        select '{check_period(period)}' as report_period, *, amount_after - amount_before as change
        from compared where amount_before <> amount_after order by 2, 3, 4
        """  # noqa: S608
    )


def blind_rules(con: duckdb.DuckDBPyConnection, period: str) -> dict[str, Text]:
    """Return the rules that could not look at a close, or not with all that they use, and what they lack."""
    con.execute(f"create or replace view {LEDGER} as {ledger_as_of(con, period)}")

    def count(sql: str) -> int:
        row = con.execute(sql).fetchone()
        return int(row[0]) if row else 0

    def rows(name: str, place: tuple[str, str, str]) -> int:
        return count(f"select count(*) from {name}") if _exists(con, place) else 0  # noqa: S608

    year = add_months(period, -12)
    blind: dict[str, Text] = {}
    if count(f"select count(distinct period) from {LEDGER} where period <= '{year}'") == 0:  # noqa: S608
        short = Text(sv="mindre än tolv månaders historik", en="less than twelve months of history")
        blind |= dict.fromkeys(("PER-01", "PER-02", "PER-09"), short)
    elif not rows("agreement", _PLACES["agreement"]):
        learnt = Text(
            sv="inget avtalsregister: bara serier som historiken visar", en="no register of agreements: learnt series only"
        )
        blind |= dict.fromkeys(("PER-01", "PER-09"), learnt)
    if not count(f"select count(*) from {LEDGER} where counterparty_group = 'internal'"):  # noqa: S608
        blind["PER-03"] = Text(sv="inga rader har intern motpart", en="no row has an internal counterparty")
    fiscal = f"(select max(fiscal_year) from {LEDGER} where period = '{period}')"  # noqa: S608
    planned = _exists(con, _BUDGET) and count(
        f"select count(*) from {'.'.join(_BUDGET)} where fiscal_year = {fiscal}"  # noqa: S608
    )
    if not planned:
        blind["PER-04"] = Text(sv="ingen budget för året", en="no budget for the year")
    elif count(f"select count(distinct fiscal_year) from {LEDGER} where fiscal_year < {fiscal}") < 2:  # noqa: S608
        blind["PER-04"] = Text(sv="mindre än två hela år före budgetåret", en="less than two whole years before the budget's")
    if not (_exists(con, _PLACES["payroll"]) and count(f"select count(*) from payroll where period = '{period}'")):  # noqa: S608
        blind["PER-08"] = Text(sv="ingen löneexport för månaden", en="no payroll export for the month")
    if not count(f"select count(registration_date) from {LEDGER} where period >= '{year}'"):  # noqa: S608
        blind["PER-10"] = Text(sv="huvudboken har inga registreringsdatum", en="the ledger has no registration dates")
    if not count(f"select count(voucher_number) from {LEDGER} where period = '{period}'"):  # noqa: S608
        blind["PER-11"] = Text(sv="huvudboken har inga verifikationsnummer", en="the ledger has no voucher numbers")
    return blind
