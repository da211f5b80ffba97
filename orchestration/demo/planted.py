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
    catch_up: 'one' (one posting for all missing months) or 'monthly' (one posting a missing month). promised: the report of March
    2015 says that it is corrected; where corrected_in is None all the same, the follow-up of April should say that it was not.
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
    promised: bool = False


@dataclass(frozen=True)
class PlantedStep:
    """One cause of a personnel deviation that lies in the staff data: the step of `personnel_bridge` that should tell it.

    amount: kr of the whole office January to the report period, favourable +, as the staff of seed 2015 gives it, in thousands.
    """

    report_period: str
    step: str
    amount: int
    cause: str


def _internal(
    number: int, stream: str, unit: str, counterparty: str, monthly: int, what: str, corrected_in: str | None = "2015-04"
) -> Planted:
    return Planted(
        id=f"internal-income-{number}",
        rule="PER-01, PER-03",
        unit=unit,
        report_line="internal_income",
        account="3621",
        counterparty=counterparty,
        months_missing=("2015-01", "2015-03"),
        monthly=monthly,
        amount=-3 * monthly,
        corrected_in=corrected_in,
        stream=stream,
        catch_up="monthly",
        cause=f"{what} inte internfakturerade första kvartalet; köparen saknar kostnaden, kommunen påverkas inte"
        + ("" if corrected_in else "; lovad rättelse som inte kom"),
        promised=True,
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
        promised=True,
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
        promised=True,
    ),
    Planted(
        id="late-income-2014",
        rule="PER-02, PER-05",
        unit="0120",
        report_line="external_income",
        account="3621",
        counterparty="820",
        months_missing=("2014-10", "2014-12"),
        monthly=2_400,
        amount=7_200,
        corrected_in="2015-01",
        stream="K110",
        catch_up="one",
        cause="Arkivtjänst åt grannkommunen: sista kvartalet 2014 fakturerat i januari, ett annat års intäkt bland årets",
    ),
    _internal(1, "K214", "0180", "310", 38_000, "Ekbacka direkts tjänster till tekniska kontoret"),
    _internal(2, "K215", "0180", "320", 24_000, "Ekbacka direkts tjänster till fastighetskontoret"),
    _internal(3, "K216", "0180", "330", 14_000, "Ekbacka direkts tjänster till kostkontoret"),
    _internal(4, "K217", "0180", "340", 20_000, "Ekbacka direkts tjänster till service- och stödkontoret", None),
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
    Planted(
        id="payroll-voucher",
        rule="PER-08",
        unit="30110",
        report_line="personnel",
        account="5022",
        counterparty="",
        months_missing=("2015-02", "2015-02"),
        monthly=24_300,
        amount=24_300,
        corrected_in=None,
        stream=None,
        catch_up="",
        cause="Löneverifikationen saknar en timlista: bokfört 24 300 kr lägre än lönesystemet, PO enligt lönesystemet",
    ),
    Planted(
        id="on-cost-rate",
        rule="PER-08",
        unit="20110",
        report_line="personnel",
        account="5611",
        counterparty="",
        months_missing=("2014-10", "2014-10"),
        monthly=0,
        amount=49_100,
        corrected_in=None,
        stream=None,
        catch_up="",
        cause="Arbetsgivaravgift bokförd med 28,42 i stället för 31,42 procent (beloppet avrundat: det följer lönesumman)",
    ),
)

#: The statutory fee that the voucher of `on-cost-rate` was booked with, hundredths of a percent.
WRONG_FEE = 2_842

#: Rows of the absence exports that cannot be: delivery → how many. They are refused one by one, and the file counts.
IMPOSSIBLE_ABSENCE = {"2014-11": 3, "2015-02": 4}

#: What the personnel deviation of the two printed reports consists of. Nothing is booked from this list: the amounts follow from
#: `data/klk_employments.csv`, `data/klk_absences.csv` and the spells that the seed draws; the tests compare.
STEPS: tuple[PlantedStep, ...] = (
    PlantedStep("2015-03", "vacancy", 351_000, "Vakanser del av året: IT-tekniker, nämndsekreterare, upphandlare, kontaktcenter"),
    PlantedStep("2015-03", "overlap", -26_000, "Överlämning vid personalomsättning: ekonomiassistent, tre veckor"),
    PlantedStep("2015-03", "degree", 114_000, "Lägre arbetstidsgrad än personalstat: nedsättning i tjänst, partiell ledighet"),
    PlantedStep("2015-03", "rate", 10_000, "Nya medarbetare till annan lön än budgeterat"),
    PlantedStep("2015-03", "sick_1_14", 103_000, "Korttidssjukfrånvaro"),
    PlantedStep("2015-03", "sick_15_on", 72_000, "Två längre sjukskrivningar, en av dem på halvtid"),
    PlantedStep("2015-03", "parental", 122_000, "Föräldraledig kommunikatör"),
    PlantedStep("2015-03", "vab", 2_000, "Vård av barn"),
    PlantedStep("2015-03", "extra", -179_000, "Timanställda och övertid, mest där någon är borta"),
    PlantedStep("2013-08", "vacancy", 1_035_000, "Vakanser: IT-chef till april, två tjänster på HR till hösten, controller"),
    PlantedStep("2013-08", "overlap", -20_000, "Överlämning vid personalomsättning: löneadministratör, två veckor"),
    PlantedStep("2013-08", "degree", 135_000, "Lägre arbetstidsgrad än personalstat"),
    PlantedStep("2013-08", "rate", 71_000, "Första kvartalet före löneöversynen, som budgeten har spridit över året"),
    PlantedStep("2013-08", "sick_1_14", 136_000, "Korttidssjukfrånvaro"),
    PlantedStep("2013-08", "sick_15_on", 149_000, "En längre sjukskrivning, en på halvtid"),
    PlantedStep("2013-08", "parental", 319_000, "Föräldraledig kommunikatör"),
    PlantedStep("2013-08", "vab", 24_000, "Tillfällig föräldraledighet"),
    PlantedStep("2013-08", "extra", -266_000, "Timanställda och övertid"),
)

OMISSIONS: dict[str, Planted] = {item.stream: item for item in PLANTED if item.stream and item.months_missing and item.catch_up}
_BY_ID = {item.id: item for item in PLANTED}
ONE_SIDED_RENT, PAYROLL_VOUCHER, ON_COST_RATE = (_BY_ID[name] for name in ("one-sided-rent", "payroll-voucher", "on-cost-rate"))
