"""What is planted in the demo, and where: the known answers that findings are measured against.

What belongs here: the list of planted causes with unit, account, counterparty, months and amounts, and what corrects them. The
generator reads the omissions from this list, so that the list and the ledger cannot drift apart. What does not: the postings.

Amounts are kr, income +, cost −, as the office sees them (the effect on its outcome of the period).
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Planted:
    """One planted cause. `stream` is the id in `data/klk_streams.csv` where the cause is an omission of recurring postings.

    months_missing: first and last month without the posting. corrected_in: the month whose postings catch up (None: never).
    catch_up: 'one' (one posting for all missing months) or 'monthly' (one posting a missing month).
    """

    id: str
    rule: str
    unit: str
    report_line: str
    account: str
    counterparty: str
    months_missing: tuple[str, str] | None
    monthly: int
    amount: int
    corrected_in: str | None
    stream: str | None
    catch_up: str
    cause: str


def _internal(number: int, stream: str, unit: str, counterparty: str, monthly: int, what: str) -> Planted:
    return Planted(
        id=f"internal-income-{number}",
        rule="PER-01",
        unit=unit,
        report_line="internal_income",
        account="3621",
        counterparty=counterparty,
        months_missing=("2015-01", "2015-03"),
        monthly=monthly,
        amount=-3 * monthly,
        corrected_in="2015-04",
        stream=stream,
        catch_up="monthly",
        cause=f"{what} inte internfakturerade första kvartalet; köparen saknar kostnaden, kommunen påverkas inte",
    )


PLANTED: tuple[Planted, ...] = (
    Planted(
        id="security-compensation",
        rule="PER-01",
        unit="0190",
        report_line="external_income",
        account="3511",
        counterparty="819",
        months_missing=("2015-01", "2015-03"),
        monthly=40_000,
        amount=-120_000,
        corrected_in="2015-04",
        stream="K108",
        catch_up="one",
        cause="Ersättning för kommunens säkerhetsarbete från myndighet, avtalad men ej inkommen",
    ),
    Planted(
        id="union-representative",
        rule="PER-01, PER-02",
        unit="0130",
        report_line="external_income",
        account="3631",
        counterparty="850",
        months_missing=("2014-11", "2015-03"),
        monthly=26_000,
        amount=-78_000,
        corrected_in="2015-04",
        stream="K109",
        catch_up="one",
        cause="Facklig representant: avtal från november 2014 ej fakturerat; två månader av 2014 bokförs 2015 "
        "(14 månader under året, 52 000 kr av engångskaraktär, lika med prognosens avvikelse)",
    ),
    _internal(1, "K214", "0180", "310", 38_000, "Ekbacka direkts tjänster till tekniska kontoret"),
    _internal(2, "K215", "0180", "320", 24_000, "Ekbacka direkts tjänster till fastighetskontoret"),
    _internal(3, "K216", "0180", "330", 14_000, "Ekbacka direkts tjänster till kostkontoret"),
    _internal(4, "K217", "0180", "340", 20_000, "Ekbacka direkts tjänster till service- och stödkontoret"),
    _internal(5, "K218", "0190", "310", 10_000, "Säkerhetssamordning till tekniska kontoret"),
    _internal(6, "K219", "0190", "320", 8_000, "Säkerhetssamordning till fastighetskontoret"),
    _internal(7, "K220", "0190", "340", 4_000, "Säkerhetssamordning till service- och stödkontoret"),
    Planted(
        id="investigation-profile-2015",
        rule="PER-04",
        unit="KLK",
        report_line="other_external_cost",
        account="7452",
        counterparty="870",
        months_missing=None,
        monthly=0,
        amount=1_663_500,
        corrected_in=None,
        stream=None,
        catch_up="",
        cause="Budget för utredningar ligger tidigt på året, övriga kostnader i tolftedelar; utredningarna görs under hösten",
    ),
    Planted(
        id="investigation-profile-2013",
        rule="PER-04",
        unit="KLK",
        report_line="other_external_cost",
        account="7452",
        counterparty="870",
        months_missing=None,
        monthly=0,
        amount=-888_700,
        corrected_in=None,
        stream=None,
        catch_up="",
        cause="Januari-augusti 2013: budget för utredningar ligger sent på året, övriga kostnader i tolftedelar",
    ),
    Planted(
        id="temporary-staff",
        rule="bridge",
        unit="KLK",
        report_line="other_external_cost",
        account="7511",
        counterparty="870",
        months_missing=None,
        monthly=0,
        amount=0,
        corrected_in=None,
        stream="K019, K027, K086",
        catch_up="",
        cause="Tillfälligt inhyrd personal utan budget vid sjukfrånvaro: minskad personalkostnad möts av övrig extern kostnad",
    ),
    Planted(
        id="one-sided-rent",
        rule="PER-03",
        unit="37210",
        report_line="internal_rent",
        account="6011",
        counterparty="320",
        months_missing=("2015-02", "2015-02"),
        monthly=84_000,
        amount=84_000,
        corrected_in="2015-04",
        stream=None,
        catch_up="one",
        cause="Tilläggshyra simhall: säljaren har bokfört motpart, köparens rad har fått motpart 870",
    ),
)

#: Staff facts that explain the personnel deviation lie in `data/klk_employments.csv` (vacancies, lower degree) and
#: `data/klk_absences.csv` (sick leave, parental leave); short spells are drawn by the seed.
OMISSIONS: dict[str, Planted] = {item.stream: item for item in PLANTED if item.stream and item.months_missing and item.catch_up}
ONE_SIDED_RENT = next(item for item in PLANTED if item.id == "one-sided-rent")
