"""Every kind of input table: its fields, what they mean, and how a municipality may have named them.

What belongs here: data (fields, alternatives, units, sign, synonyms of headers, example rows) and its presentation. The reader's
errors, the proposal of a map and `avvik inputs` all come from it, so that they cannot disagree. What does not: parsing
(`numbers`), file formats (`sheets`), building the tables (`tables`).

A field is named as the column of the contract's entity that it fills. Reader-only fields (`READER_ONLY`) are other ways to state
such a column: debit and credit instead of amount, twelve month columns instead of period and amount, a wage whose header says
whether it is for full time.
"""

from __future__ import annotations

import csv
import io
import re
import unicodedata
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from typing import Literal

from orchestration.errors import SettingsError, Text
from orchestration.months import MONTHS
from orchestration.settings import PERSONAL_KINDS

FieldType = Literal[
    "code",
    "text",
    "amount",  # the row's money, in the sign of the source
    "months",
    "money",  # other money: wages, amounts of agreements
    "quantity",
    "share",  # 75 %, 75 or 0,75 of full time
    "rate",  # 2 %, 2 or 0,02
    "date",
    "until",  # a last day, or words and dates that mean none
    "period",
    "year",
    "birth_year",
    "choice",
    "number",  # a choice whose values are whole numbers
    "report_line",
    "any_line",  # a report line or a total of them
    "cause",
    "person",  # a personal identity number: read, replaced by a pseudonym, never shown
    "employment",  # an employment number: the same
]

#: Types whose cells tell who somebody is: never in a message, a reject or a sample.
IDENTITY_TYPES = ("person", "employment", "birth_year")

#: Fields that are no columns of the contract: see the module's docstring.
READER_ONLY = ("debit", "credit", "date", "months", "fiscal_year", "full_time_wage", "actual_wage")

#: Report lines that a budget or forecast row may carry instead of an account: key, Swedish labels as printed in reports.
REPORT_LINES: dict[str, tuple[str, ...]] = {
    "external_income": ("Externa intäkter",),
    "internal_income": ("Interna intäkter",),
    "personnel": ("Personalkostnader inkl PO", "Personalkostnader", "Pers.kostn ink po", "Pers.kostn inkl po"),
    "internal_rent": ("Internhyror", "Internhyra", "Lokalhyra intern"),
    "other_external_cost": ("Övriga externa kostnader", "Övr kostnader", "Övriga kostnader"),
    "other_internal_cost": ("Övriga interna kostnader", "Övr int kostnader"),
    "capitalised_work": ("Aktiverat eget arbete", "Aktivering av eget arbete"),
    "financial": ("Finansiella poster", "Skatter, bidrag och finansiella poster"),
    "investment": ("Investeringar",),
    "closing": ("Bokslut",),
    "balance": ("Balans",),
}
#: Report lines that are sums of the others: set aside where a file carries them.
TOTAL_LINES: dict[str, tuple[str, ...]] = {
    "total_income": ("Summa intäkter",),
    "total_cost": ("Summa kostnader",),
    "net": ("Netto", "Resultat", "Nettokostnad", "Nettokostnader"),
}

_DIMENSIONS = {
    "unit": ("ansvar", "enhet", "kostnadsställe"),
    "activity": ("verksamhet",),
    "sub_activity": ("aktivitet",),
    "project": ("projekt",),
    "cost_object": ("objekt",),
    "counterparty": ("motpart",),
    "party": ("kund", "leverantör", "kundleverantör"),
}


@dataclass(frozen=True)
class Field:
    """One field of a kind of input. `synonyms` are headers that mean it, the most telling first; `example` is one cell."""

    name: str
    type: FieldType
    description: Text
    synonyms: tuple[str, ...] = ()
    example: str = ""
    required: bool = False
    unit: str = ""
    choices: dict[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True)
class InputKind:
    """One kind of input file.

    `one_of`: groups of alternatives; in every group at least one alternative must be there with all its fields. The fields of
    an `exclusive` group must not be mapped together. `example` is rows of cells under `example_headers` (field name → header).
    """

    name: str
    entity: str
    title: Text
    description: Text
    sign: Text
    fields: tuple[Field, ...]
    one_of: tuple[tuple[tuple[str, ...], ...], ...] = ()
    exclusive: tuple[tuple[str, ...], ...] = ()
    #: The fields whose absence makes a row a text row and not a bad row, together with an absent amount.
    key: tuple[str, ...] = ()
    example_headers: dict[str, str | tuple[str, ...]] = field(default_factory=dict)
    example: tuple[tuple[str, ...], ...] = ()
    #: False for a format that has its own reader and no columns (PAXml).
    is_table: bool = True

    @property
    def is_personal(self) -> bool:
        """True for HR exports, of which nothing is shown that could tell who somebody is."""
        return self.name in PERSONAL_KINDS

    def field(self, name: str) -> Field | None:
        """Return the field of that name, or None."""
        return next((f for f in self.fields if f.name == name), None)

    @property
    def amount_fields(self) -> tuple[str, ...]:
        """Fields that hold money."""
        return tuple(f.name for f in self.fields if f.type in ("amount", "months"))

    def missing(self, available: set[str]) -> list[tuple[tuple[str, ...], ...]]:
        """Return what is required and not available: for each gap the alternatives that would fill it."""
        gaps: list[tuple[tuple[str, ...], ...]] = [((f.name,),) for f in self.fields if f.required and f.name not in available]
        gaps += [group for group in self.one_of if not any(set(alternative) <= available for alternative in group)]
        return gaps


def _f(name: str, type: FieldType, sv: str, en: str, synonyms: str = "", example: str = "", **rest) -> Field:
    return Field(name, type, Text(sv=sv, en=en), tuple(s.strip() for s in synonyms.split(",") if s.strip()), example, **rest)


_ACCOUNT = _f(
    "account",
    "code",
    "Konto. Koden får stå ihop med texten: 4010 Konsulter",
    "Account. The code may stand together with its text: 4010 Konsulter",
    "Konto, Kontonr, Kontonummer, Kontokod, Kto, Konto nr, Account, Account number, Account code, Acct",
    "4010",
)

_CODES = (
    _f(
        "unit",
        "code",
        "Ansvar, enhet eller kostnadsställe",
        "Organisational unit or cost centre",
        "Ansvar, Ansv, Ansvarskod, Ansvarsnr, Enhet, Enhetskod, Kostnadsställe, Kst, Kstnr, K-ställe, "
        "Kostnadsställe nr, Resultatenhet, Orgenhet, Organisationsenhet, Org, Kontor, "
        "Förvaltning, Nämnd, Unit, Cost centre, Cost center, Department",
        "1100",
    ),
    _f(
        "activity",
        "code",
        "Verksamhet",
        "Activity (verksamhet)",
        "Verksamhet, Verks, Vht, Vsh, Vhet, Verksamhetskod, Tjänst, Activity, Function",
        "0201",
    ),
    _f("sub_activity", "code", "Aktivitet", "Sub-activity (aktivitet)", "Aktivitet, Akt, Aktivitetskod, Sub activity", "10"),
    _f("project", "code", "Projekt", "Project", "Projekt, Proj, Projektnr, Projektkod, Project", "P12"),
    _f("cost_object", "code", "Objekt", "Cost object", "Objekt, Obj, Objektkod, Cost object, Object", "77"),
    _f(
        "counterparty",
        "code",
        "Motpart: avgör om raden är intern eller extern",
        "Counterparty (motpart): decides whether the row is internal or external",
        "Motpart, Mp, Mpt, Motp, Motpartskod, Counterparty",
        "330",
    ),
)

_AMOUNT_SIGN = Text(
    sv='Bokföringens tecken: debet och kostnad +, kredit och intäkt −. Har filen intäkt + och kostnad −: sign = "natural".',
    en='The ledger\'s sign: debit and cost +, credit and income −. Where the file has income + and cost −: sign = "natural".',
)
_NO_SIGN = Text(sv="Inga belopp.", en="No amounts.")


def _amount(synonyms: str) -> Field:
    return _f(
        "amount",
        "amount",
        "Belopp med högst två decimaler. 1 234,56, 1234.56, 1 234,56-, (1 234) och −5 kr går bra. Tusental: unit_of_amount",
        "Amount with at most two decimals. 1 234,56, 1234.56, 1 234,56-, (1 234) and −5 kr are fine. Thousands: unit_of_amount",
        synonyms,
        "1 250,00",
        unit="SEK",
    )


_DEBIT = _f(
    "debit",
    "amount",
    "Debet, utan tecken, i stället för belopp",
    "Debit, unsigned, instead of amount",
    "Debet, Debetbelopp, Debit",
    unit="SEK",
)
_CREDIT = _f(
    "credit",
    "amount",
    "Kredit, utan tecken, i stället för belopp",
    "Credit, unsigned, instead of amount",
    "Kredit, Kreditbelopp, Credit",
    unit="SEK",
)
_PERIOD_SYNONYMS = (
    "Period, Bokföringsperiod, Bokf.period, Redovisningsperiod, Per, Månad, År-månad, Årmån, Accounting period, Month"
)
_YEAR_SYNONYMS = "År, Budgetår, Räkenskapsår, Verksamhetsår, Bokföringsår, Fiscal year, Year"
_MONTHS = _f(
    "months",
    "months",
    "En kolumn per månad, januari till december, i stället för period och belopp",
    "One column a month, January to December, instead of period and amount",
    "",
    unit="SEK",
)
_REPORT_LINE = _f(
    "report_line",
    "report_line",
    "Rad i uppföljningen i stället för konto: nyckel (personnel) eller rubrik (Personalkostnader inkl PO)",
    "Line of the follow-up instead of an account: its key (personnel) or its printed label (Personalkostnader inkl PO)",
    "Rapportrad, Rad, Resultatrad, Post, Report line, Line",
    "personnel",
)
_DATE = _f(
    "date",
    "date",
    "Datum som perioden tas från när filen inte har någon period",
    "Date that the period is taken from where the file has no period",
)
_VALID = (
    _f("valid_from", "date", "Gäller från och med", "Valid from", "Giltig från, Gäller från, From, Från, Fr o m, Valid from"),
    _f(
        "valid_to",
        "date",
        "Gäller till och med; tomt: tills vidare",
        "Valid to and including; empty: until further notice",
        "Giltig till, Gäller till, Till, T o m, Valid to",
    ),
)
_NAME = "Benämning, Namn, Text, Beskrivning, Klartext, Name, Description"
_PARENT = "Överordnad, Förälder, Tillhör, Ligger under, Överordnat ansvar, Överordnad enhet, Parent"

_BUDGET_FIELDS = (
    _f(
        "fiscal_year",
        "year",
        "Budgetår. Saknas det tas året från perioden, månadernas rubriker eller leveransens månad",
        "Fiscal year. If absent, the year comes from the period, the month headers or the delivery's month",
        _YEAR_SYNONYMS,
        "2015",
    ),
    _f(
        "period",
        "period",
        "Månad: 201503, 2015-03, mars 2015. Saknas den gäller beloppet hela året",
        "Month: 201503, 2015-03, mars 2015. If absent, the amount is for the whole year",
        _PERIOD_SYNONYMS,
        "2015-03",
    ),
    _DATE,
    _ACCOUNT,
    _REPORT_LINE,
    *_CODES,
)
_ROW_TEXT = _f(
    "row_text", "text", "Radens text", "Text of the row", "Text, Radtext, Kommentar, Anmärkning, Beskrivning, Note, Comment"
)

_HR_ACCOUNT = replace(_ACCOUNT, description=Text(sv="Konto som lönen bokförs på", en="Account that the pay is booked on"))
#: The code string as HR exports have it; "Tjänst" is the position there.
_HR_CODES = tuple(replace(f, synonyms=tuple(word for word in f.synonyms if word != "Tjänst")) for f in _CODES)
_WHO = (
    _f(
        "employment",
        "employment",
        "Anställningsnummer; lagras bara som pseudonym",
        "Employment number; stored as a pseudonym only",
        "Anställningsnummer, Anställningsnr, Anst.nr, Anställnings-id, Anst-id, Anställning, Medarbetarnummer, Medarbetarnr, "
        "Personalnummer, Employment number",
        "20417",
    ),
    _f(
        "person",
        "person",
        "Personnummer, tio eller tolv siffror; lagras bara som pseudonym",
        "Personal identity number, ten or twelve digits; stored as a pseudonym only",
        "Personnummer, Personnr, Pers.nr, Pnr, Person-id, Personal identity number",
        "811228-9874",
    ),
)
_POSITION = _f(
    "position",
    "code",
    "Tjänst i personalstaten",
    "Position in the staffing plan",
    "Tjänst, Tjänstnr, Tjänstenr, Tjänstnummer, Tjänst-id, Befattningsnr, Befattningsnummer, Positionsnummer, Positions-id, "
    "Position-id, Stat-id, Rad-id",
    "T-101",
)
_TITLE = _f(
    "title_code",
    "code",
    "Befattning eller AID-kod",
    "Title or AID code",
    "AID-kod, AID, Befattningskod, Etikett, BSK-kod, Yrkeskod, Befattning, Befattningsbenämning, Titel, Title",
    "151010",
)
_DEGREE = _f(
    "degree",
    "share",
    "Sysselsättningsgrad: 75 %, 75 eller 0,75",
    "Working-time degree: 75 %, 75 or 0,75",
    "Sysselsättningsgrad, Syss.grad, Sysgrad, Sysselsättn.grad, Sysselsättningsgrad procent, Tjänstgöringsgrad, Tjänstegrad, "
    "Tjg.grad, Omfattning, Årsarbetare, Grad, Degree, FTE",
    "75 %",
)
_SPAN = (
    _f(
        "valid_from",
        "date",
        "Från och med",
        "From this day",
        "Fr.o.m., Från och med, Från, Gäller från, Giltig från, Startdatum, Börjar, Datum from, From datum, Från datum, Valid "
        "from",
        "2015-01-01",
    ),
    _f(
        "valid_to",
        "until",
        "Till och med; tomt, 9999-12-31 eller “tills vidare”: pågår",
        "Up to and including; empty, 9999-12-31 or “tills vidare”: still going on",
        "T.o.m., Till och med, Till, Gäller till, Giltig till, Slutdatum, Slutar, Datum tom, Tom datum, Till datum, Valid to",
    ),
)
_RECORD = _f(
    "record_id",
    "code",
    "Radens eget nummer i systemet, om det är detsamma i varje export",
    "The row's own number in the system, if it is the same in every export",
    "Post-id, Postid, Händelse-id, Ärendenr, Ärendenummer, Ärende-id, Rad-id, Löpnr, Record id",
)
_DELETED = _f(
    "is_deleted",
    "choice",
    "Raden tar tillbaka en tidigare",
    "The row takes back an earlier one",
    "Borttagen, Makulerad, Raderad, Annullerad, Deleted",
    choices={"true": ("ja", "j", "x", "1", "sant", "yes"), "false": ("nej", "n", "0", "falskt", "no")},
)
_UNSIGNED = Text(sv="Belopp utan tecken, per tillfälle.", en="Amounts without sign, per occasion.")
_AGREEMENT_ID = _f(
    "agreement_id",
    "code",
    "Avtalets nummer",
    "Number of the agreement",
    "Avtalsnr, Avtalsnummer, Avtals-id, Avtal, Överenskommelse, Löpnr, Agreement id",
    "A-12",
)
_SELLER = _f(
    "seller_unit",
    "code",
    "Enheten som säljer och får intäkten",
    "Unit that sells and has the income",
    "Säljande enhet, Säljare, Säljande ansvar, Ansvar säljare, Från ansvar, Seller unit, Seller, Ansvar, Ansvarskod, "
    "Enhet, Enhetskod, Kostnadsställe, Unit",
    "1200",
)
_BUYER = _f(
    "buyer_unit",
    "code",
    "Enheten som köper och bär kostnaden",
    "Unit that buys and bears the cost",
    "Köpande enhet, Köpare, Köpande ansvar, Ansvar köpare, Till ansvar, Buyer unit, Buyer",
    "1100",
)
_AGREEMENT_TEXT = _f(
    "text",
    "text",
    "Vad avtalet gäller",
    "What the agreement is for",
    "Text, Avser, Benämning, Avtalstext, Beskrivning, Text på fakturan, Description",
    "Facklig tid",
)
_MONTH_CHOICES = {str(number): (name, name[:3], f"{number:02d}") for number, name in enumerate(MONTHS, start=1)}
_OCCASIONS = (
    _f(
        "amount",
        "money",
        "Belopp per tillfälle, utan tecken och utan moms",
        "Amount per occasion, without sign and VAT",
        "Belopp per tillfälle, Belopp per gång, Belopp, Avtalsbelopp, Amount",
        "26 500",
        required=True,
        unit="SEK",
    ),
    _f(
        "cadence",
        "number",
        "Månader mellan tillfällena: 1, 3, 4, 6 eller 12 (månad, kvartal, tertial, halvår, år); tomt: 1",
        "Months between occasions: 1, 3, 4, 6 or 12; empty: 1",
        "Intervall, Periodicitet, Frekvens, Faktureras, Månader mellan, Cadence",
        "1",
        choices={
            "1": ("månad", "månadsvis", "varje månad", "månadsvis i efterskott", "monthly"),
            "2": ("varannan månad",),
            "3": ("kvartal", "kvartalsvis", "quarterly"),
            "4": ("tertial", "tertialvis"),
            "6": ("halvår", "halvårsvis", "halvårsvis i förskott"),
            "12": ("år", "årsvis", "årligen", "helår", "yearly"),
        },
    ),
    _f(
        "phase",
        "number",
        "Årets första tillfälle: månadens nummer eller namn",
        "First occasion of the year: the month's number or name",
        "Första månad, Första faktureringsmånad, Startmånad, Månad, Fas, Phase",
        "1",
        choices=_MONTH_CHOICES,
    ),
)

_KINDS = (
    InputKind(
        name="ledger",
        entity="ledger_line",
        title=Text(sv="Huvudbok (utfall)", en="General ledger (outcome)"),
        description=Text(
            sv="En rad per verifikationsrad. En fil får gälla en månad eller hela året hittills; en nyare fil ersätter de "
            "månader som båda har. SIE-filer behöver inga kolumner, bara dimensions.",
            en="One row per voucher row. A file may hold one month or the year to date; a newer file replaces the months that "
            "both have. SIE files need no columns, only dimensions.",
        ),
        sign=_AMOUNT_SIGN,
        fields=(
            replace(_ACCOUNT, required=True),
            _amount("Belopp, Utfall, Redovisat, Nettobelopp, Belopp exkl moms, Amount, Outcome, Net amount"),
            _DEBIT,
            _CREDIT,
            _f(
                "period",
                "period",
                "Bokföringsperiod: 201503, 2015-03, mars 2015. 13–15 räknas till december; 00 (ingående balans) läggs åt sidan",
                "Accounting period: 201503, 2015-03, mars 2015. 13–15 belong to December; 00 (opening balance) is set aside",
                _PERIOD_SYNONYMS,
                "201503",
            ),
            _f(
                "voucher_date",
                "date",
                "Verifikationens (bokföringens) datum; ger perioden när den saknas",
                "Date of the voucher (posting); gives the period where there is none",
                "Bokföringsdatum, Verifikationsdatum, Verdatum, Ver.datum, Bokf.datum, Bokdatum, Bokföringsdag, Vdatum, Datum, "
                "Posting date, Voucher date, Date",
                "2015-03-17",
            ),
            _DATE,
            _f(
                "fiscal_year",
                "year",
                "År, när periodkolumnen bara har månadens nummer",
                "Year, where the period column holds only the month's number",
                _YEAR_SYNONYMS,
            ),
            *_CODES,
            _f(
                "voucher_series",
                "code",
                "Verifikationsserie",
                "Voucher series",
                "Verserie, Serie, Ver.serie, Vtyp, Verifikationsserie, Series",
                "A",
            ),
            _f(
                "voucher_number",
                "code",
                "Verifikationsnummer",
                "Voucher number",
                "Vernr, Ver.nr, Ver, Verifikationsnummer, Verifikationsnr, Verifikation, Vernummer, Verifikat, Verifikatnr, "
                "Voucher number, Voucher no, Voucher id, Voucher",
                "1042",
            ),
            _f(
                "transaction_date",
                "date",
                "Transaktionsdatum",
                "Transaction date",
                "Transaktionsdatum, Transdatum, Fakturadatum, Transaction date",
            ),
            _f(
                "registration_date",
                "date",
                "Registreringsdatum",
                "Registration date",
                "Registreringsdatum, Regdatum, Reg.datum, Registreringsdag, Registrerad, Registrerat, Inregistrerad, Regdag, "
                "Registration date, Registered, Registered on",
            ),
            _f(
                "voucher_text",
                "text",
                "Verifikationstext",
                "Text of the voucher",
                "Verifikationstext, Vertext, Ver.text, Voucher text",
            ),
            _f(
                "row_text",
                "text",
                "Radtext",
                "Text of the row",
                "Text, Radtext, Transaktionstext, Beskrivning, Kommentar, Row text, Description",
                "Hyra mars",
            ),
            _f(
                "quantity",
                "quantity",
                "Antal, högst fyra decimaler",
                "Quantity, at most four decimals",
                "Antal, Kvantitet, Volym, Quantity",
            ),
            _f(
                "party",
                "code",
                "Kund- eller leverantörsnummer",
                "Customer or supplier number",
                "Leverantörsnr, Levnr, Lev.nr, Leverantörsnummer, Kundnr, Kundnummer, Kund/lev.nr, Kundnr/levnr, Kund-/levnr, "
                "Leverantörsid, Leverantör-id, Kund-id, Kund/lev, Reskontranr, Supplier number, Customer number, Party",
            ),
            _f(
                "party_name",
                "text",
                "Kundens eller leverantörens namn",
                "Name of the customer or supplier",
                "Leverantör, Leverantörsnamn, Kund, Kundnamn, Kund/leverantör, Kund/lev.namn, Lev.namn, Motpartsnamn, "
                "Motpartens namn, Supplier, Customer, Party name, Counterparty name",
                "AB Exempel",
            ),
            _f(
                "reference",
                "code",
                "Faktura- eller avtalsnummer",
                "Invoice or agreement number",
                "Fakturanr, Fakturanummer, Faktura, Avtalsnr, Avtalsnummer, Avtal, Avtalsreferens, Referens, Ref, "
                "Invoice number, Reference, Agreement",
                "F-2201",
            ),
            _f(
                "service_from",
                "date",
                "Första dagen som intäkten eller kostnaden avser",
                "First day that the income or cost is for",
                "Avser från, Avser fr o m, Avser fr.o.m., Tjänsteperiod från, Leveransperiod från, Leveransperiod fr.o.m., "
                "Tjänsteperiod fr.o.m., Period från, Period fr.o.m., Periodiseras från, Periodiseras fr.o.m., Service from, "
                "Service start",
            ),
            _f(
                "service_to",
                "date",
                "Sista dagen som intäkten eller kostnaden avser",
                "Last day that the income or cost is for",
                "Avser till, Avser t o m, Avser t.o.m., Tjänsteperiod till, Leveransperiod till, Leveransperiod t.o.m., "
                "Tjänsteperiod t.o.m., Period till, Period t.o.m., Periodiseras till, Periodiseras t.o.m., Service to, "
                "Service end",
            ),
        ),
        one_of=((("amount",), ("debit", "credit")), (("period",), ("voucher_date",), ("date",))),
        exclusive=(("amount", "debit"), ("amount", "credit")),
        key=("account",),
        example_headers={
            "voucher_series": "Verserie",
            "voucher_number": "Vernr",
            "voucher_date": "Bokföringsdatum",
            "period": "Period",
            "account": "Konto",
            "unit": "Ansvar",
            "activity": "Verksamhet",
            "project": "Projekt",
            "counterparty": "Motpart",
            "row_text": "Text",
            "party_name": "Leverantör",
            "reference": "Fakturanr",
            "amount": "Belopp",
        },
        example=(
            (
                "L",
                "1042",
                "2015-03-17",
                "201503",
                "7451",
                "1100",
                "0201",
                "",
                "",
                "Utredning centrumplan",
                "AB Exempel",
                "F-2201",
                "48 500,00",
            ),
            ("B", "311", "2015-03-25", "201503", "5020", "1100", "0201", "", "", "Månadslöner", "", "", "312 400,50"),
            ("I", "77", "2015-03-31", "201503", "3411", "1100", "0201", "P12", "330", "Internhyra mars", "", "", "-12 000,00"),
        ),
    ),
    InputKind(
        name="budget",
        entity="budget_line",
        title=Text(sv="Budget", en="Budget"),
        description=Text(
            sv="En rad per budgetrad: antingen en rad per månad (period), en kolumn per månad (months) eller ett årsbelopp, som "
            "fördelas i tolftedelar. Per konto eller per rad i uppföljningen. En nyare fil ersätter årets budget.",
            en="One row per budget row: either a row a month (period), a column a month (months) or an amount for the year, "
            "which is spread in twelfths. By account or by line of the follow-up. A newer file replaces the year's budget.",
        ),
        sign=_AMOUNT_SIGN,
        fields=(
            *_BUDGET_FIELDS,
            _amount("Budget, Årsbudget, Budget helår, Helårsbudget, Helår, Budgetbelopp, Belopp, Amount, Annual budget"),
            _MONTHS,
            _f(
                "budget_type",
                "choice",
                "Slag av budget; tomt: original",
                "Type of budget; empty: original",
                "Budgettyp, Budgetslag, Budget type",
                choices={
                    "original": ("ursprunglig", "beslutad", "ordinarie", "originalbudget"),
                    "supplementary": ("tilläggsbudget", "tilläggsanslag", "tillägg"),
                    "transfer": ("omfördelning", "omdisponering"),
                    "frame": ("ramjustering",),
                    "carried_over": ("ombudgetering", "överfört"),
                },
            ),
            _f("decided_on", "date", "Beslutsdatum", "Date of the decision", "Beslutsdatum, Beslutad, Decided on"),
            _ROW_TEXT,
        ),
        one_of=((("account",), ("report_line",)), (("amount",), ("months",))),
        exclusive=(("amount", "months"), ("period", "months"), ("date", "months")),
        key=("account", "report_line"),
        example_headers={
            "fiscal_year": "År",
            "account": "Konto",
            "unit": "Ansvar",
            "activity": "Verksamhet",
            "counterparty": "Motpart",
            "months": ("Jan", "Feb", "Mar", "Apr", "Maj", "Jun", "Jul", "Aug", "Sep", "Okt", "Nov", "Dec"),
        },
        example=(
            ("2015", "5020", "1100", "0201", "", *["310 000"] * 3, *["318 000"] * 9),
            ("2015", "3411", "1100", "0201", "330", *["-12 000"] * 12),
        ),
    ),
    InputKind(
        name="forecast",
        entity="forecast_line",
        title=Text(sv="Prognos", en="Forecast"),
        description=Text(
            sv="En rad per prognosrad; raderna i en omgång summerar till helårets prognos. Omgången är den uppföljning som "
            "prognosen hör till, till exempel 2015-03; saknas den tas leveransens månad.",
            en="One row per forecast row; the rows of a round sum to the forecast for the full year. The round is the follow-up "
            "that the forecast belongs to, such as 2015-03; if absent, the delivery's month.",
        ),
        sign=_AMOUNT_SIGN,
        fields=(
            *_BUDGET_FIELDS,
            _amount("Prognos, Helårsprognos, Prognos helår, Årsprognos, Helår, Belopp, Amount, Forecast"),
            _MONTHS,
            _f(
                "forecast_round",
                "period",
                "Prognosomgång: uppföljningens månad",
                "Round: the month of the follow-up",
                "Prognosomgång, Omgång, Prognostillfälle, Prognosmånad, Round, Forecast round",
                "2015-03",
            ),
            _ROW_TEXT,
        ),
        one_of=((("account",), ("report_line",)), (("amount",), ("months",))),
        exclusive=(("amount", "months"), ("period", "months"), ("date", "months")),
        key=("account", "report_line"),
        example_headers={
            "forecast_round": "Prognosomgång",
            "report_line": "Rapportrad",
            "unit": "Ansvar",
            "amount": "Prognos helår",
        },
        example=(
            ("2015-03", "Personalkostnader inkl PO", "1100", "3 810 000"),
            ("2015-03", "Externa intäkter", "1100", "-202 000"),
        ),
    ),
    InputKind(
        name="chart",
        entity="account",
        title=Text(sv="Kontoplan", en="Chart of accounts"),
        description=Text(
            sv="En rad per konto. Utan datum gäller planen från leveransens månad till nästa leverans.",
            en="One row per account. Without dates the chart holds from the delivery's month to the next delivery.",
        ),
        sign=_NO_SIGN,
        fields=(
            replace(_ACCOUNT, required=True),
            _f(
                "name",
                "text",
                "Kontots namn",
                "Name of the account",
                f"Kontonamn, Kontotext, Kontobenämning, {_NAME}",
                "Konsulter",
            ),
            _f(
                "account_type",
                "choice",
                "T tillgång, S skuld, K kostnad, I intäkt",
                "T asset, S liability, K cost, I income",
                "Kontotyp, Kontoslag, Typ, Account type",
                "K",
                choices={
                    "T": ("tillgång", "asset"),
                    "S": ("skuld", "eget kapital", "liability"),
                    "K": ("kostnad", "cost", "expense"),
                    "I": ("intäkt", "income", "revenue"),
                },
            ),
            *_VALID,
        ),
        key=("account",),
        example_headers={"account": "Konto", "name": "Benämning", "account_type": "Kontotyp"},
        example=(("3411", "Lokalhyror, interna", "I"), ("5020", "Månadslöner", "K"), ("7451", "Konsulttjänster", "K")),
    ),
    InputKind(
        name="organisation",
        entity="unit",
        title=Text(sv="Organisation (ansvar)", en="Organisation (units)"),
        description=Text(
            sv="En rad per ansvar eller enhet, med den enhet som den ligger under. Överst ligger kommunen själv.",
            en="One row per unit, with the unit that it lies under. On top is the municipality itself.",
        ),
        sign=_NO_SIGN,
        fields=(
            replace(_CODES[0], required=True),
            _f("name", "text", "Enhetens namn", "Name of the unit", f"Ansvarsnamn, Enhetsnamn, Ansvarstext, {_NAME}", "Kansliet"),
            _f(
                "parent",
                "code",
                "Enheten närmast över; tomt: direkt under kommunen",
                "The unit above; empty: directly under the municipality",
                _PARENT,
                "KLK",
            ),
            *_VALID,
        ),
        key=("unit",),
        example_headers={"unit": "Ansvar", "name": "Benämning", "parent": "Överordnad"},
        example=(("KLK", "Kommunledningskontoret", ""), ("1100", "Kansliet", "KLK"), ("1200", "Ekonomi", "KLK")),
    ),
    InputKind(
        name="dimension",
        entity="dimension_value",
        title=Text(sv="Övriga koddelar", en="Other dimensions"),
        description=Text(
            sv="En rad per kod i en annan del av kodsträngen: verksamhet, aktivitet, projekt, objekt, motpart, kund eller "
            'leverantör. Gäller filen en enda koddel räcker det med constants = { dimension = "project" }.',
            en="One row per code of another part of the code string: activity, sub-activity, project, object, counterparty, "
            'customer or supplier. For a file of a single dimension, constants = { dimension = "project" } is enough.',
        ),
        sign=_NO_SIGN,
        fields=(
            _f(
                "dimension",
                "choice",
                "Koddel",
                "Dimension",
                "Koddel, Dimension, Kodslag, Begrepp",
                "project",
                required=True,
                choices=_DIMENSIONS,
            ),
            _f("code", "code", "Kod", "Code", "Kod, Värde, Nr, Nummer, Id, Code, Value", "P12", required=True),
            _f("name", "text", "Namn", "Name", _NAME, "Ny simhall"),
            _f("parent", "code", "Överordnad kod", "Code above", _PARENT),
            *_VALID,
        ),
        key=("code",),
        example_headers={"dimension": "Koddel", "code": "Kod", "name": "Benämning"},
        example=(("Verksamhet", "0201", "Kommunledning"), ("Projekt", "P12", "Ny simhall"), ("Motpart", "330", "Fastighet")),
    ),
    InputKind(
        name="report_lines",
        entity="report_line_account",
        title=Text(sv="Uppföljningens rader per konto", en="Lines of the follow-up by account"),
        description=Text(
            sv="En rad per kontointervall och rad i uppföljningen, i stället för den medföljande Kommun-Bas. Från och till är "
            "lika långa början på kontonummer; den längsta som passar gäller.",
            en="One row per range of accounts and line of the follow-up, instead of the Kommun-Bas that comes with avvik. From "
            "and to are beginnings of account numbers, equally long; the longest that fits wins.",
        ),
        sign=_NO_SIGN,
        fields=(
            _f(
                "year_from", "year", "Första år; tomt: alltid", "First year; empty: always", "Från år, År från, Year from", "2015"
            ),
            _f(
                "year_to",
                "year",
                "Sista år; tomt: tills vidare",
                "Last year; empty: until further notice",
                "Till år, År till, Year to",
            ),
            _f(
                "account_from",
                "code",
                "Från och med konto (eller början på konto)",
                "From account (or beginning of account)",
                "Från konto, Konto från, Konto, Account from",
                "50",
                required=True,
            ),
            _f(
                "account_to",
                "code",
                "Till och med; tomt: samma som från",
                "To; empty: the same as from",
                "Till konto, Konto till, Account to",
                "58",
            ),
            _f(
                "counterparty_scope",
                "choice",
                "Gäller motpart: any (alla), internal (intern), external (extern); tomt: any",
                "For counterparties: any, internal, external; empty: any",
                "Motpart, Intern/extern, Counterparty scope",
                "any",
                choices={"any": ("alla", "all"), "internal": ("intern", "interna"), "external": ("extern", "externa")},
            ),
            _f(
                "report_line",
                "report_line",
                "Rad i uppföljningen: nyckel eller rubrik",
                "Line of the follow-up: key or label",
                "Rapportrad, Rad, Report line",
                "personnel",
                required=True,
            ),
        ),
        key=("account_from",),
        example_headers={
            "year_from": "Från år",
            "account_from": "Från konto",
            "account_to": "Till konto",
            "counterparty_scope": "Motpart",
            "report_line": "Rapportrad",
        },
        example=(
            ("", "1", "2", "alla", "balance"),
            ("", "3", "3", "extern", "Externa intäkter"),
            ("", "3", "3", "intern", "Interna intäkter"),
            ("", "5", "5", "alla", "Personalkostnader inkl PO"),
            ("", "60", "60", "intern", "Internhyror"),
            ("", "4", "4", "extern", "Övriga externa kostnader"),
            ("", "4", "4", "intern", "Övriga interna kostnader"),
            ("", "6", "7", "extern", "Övriga externa kostnader"),
            ("", "6", "7", "intern", "Övriga interna kostnader"),
            ("", "8", "8", "alla", "financial"),
        ),
    ),
    InputKind(
        name="counterparty_groups",
        entity="counterparty_group",
        title=Text(sv="Interna och externa motparter", en="Internal and external counterparties"),
        description=Text(
            sv="En rad per intervall av motpartskoder som säger om de är interna, koncernbolag eller externa.",
            en="One row per range of counterparty codes saying whether they are internal, group companies or external.",
        ),
        sign=_NO_SIGN,
        fields=(
            _f(
                "prefix_from",
                "code",
                "Från och med motpart (eller början på den)",
                "From counterparty (or beginning of it)",
                "Från motpart, Motpart från, Motpart, Från, Prefix from",
                "87",
                required=True,
            ),
            _f(
                "prefix_to",
                "code",
                "Till och med; tomt: samma som från",
                "To; empty: the same as from",
                "Till motpart, Motpart till, Till, Prefix to",
                "88",
            ),
            _f(
                "counterparty_group",
                "choice",
                "internal (intern), group_company (koncernbolag), external (extern)",
                "internal, group_company, external",
                "Grupp, Motpartsgrupp, Slag, Group, Counterparty group",
                "internal",
                required=True,
                choices={
                    "internal": ("intern", "interna"),
                    "group_company": ("koncernbolag", "koncern", "kommunala bolag", "bolag"),
                    "external": ("extern", "externa"),
                },
            ),
        ),
        key=("prefix_from",),
        example_headers={"prefix_from": "Från motpart", "prefix_to": "Till motpart", "counterparty_group": "Grupp"},
        example=(("1", "4", "intern"), ("5", "7", "koncernbolag"), ("8", "9", "extern")),
    ),
    InputKind(
        name="position",
        entity="position",
        title=Text(sv="Personalstat (tjänster)", en="Staffing plan (positions)"),
        description=Text(
            sv="En rad per budgeterad tjänst och giltighetstid. Filen är hela personalstaten; en nyare ersätter den.",
            en="One row per budgeted position and validity span. The file is the whole staffing plan; a newer one replaces it.",
        ),
        sign=_NO_SIGN,
        fields=(
            replace(_POSITION, required=True),
            _TITLE,
            *_HR_CODES,
            _HR_ACCOUNT,
            replace(_DEGREE, required=True),
            _f(
                "budgeted_wage",
                "money",
                "Budgeterad månadslön på heltid",
                "Budgeted full-time monthly wage",
                "Budgeterad lön, Budgeterad månadslön, Budgeterad heltidslön, Budgetlön, Månadslön budget, Lön budget, "
                "Månadslön, "
                "Heltidslön, Lön, Budgeted wage",
                "34 000",
                unit="SEK",
            ),
            _f(
                "budgeted_po",
                "share",
                "Budgeterat PO-pålägg: 38,46 %, 38,46 eller 0,3846; tomt: årets sats",
                "Budgeted on-cost: 38,46 %, 38,46 or 0,3846; empty: the year's rate",
                "PO-pålägg, PO-påslag, PO, Budgeterat PO, PO-sats, Personalomkostnadspålägg, Sociala avgifter, On-cost",
                "38,46 %",
            ),
            *_SPAN,
        ),
        key=("position",),
        example_headers={
            "position": "Tjänstnr",
            "title_code": "AID",
            "unit": "Ansvar",
            "degree": "Sysselsättningsgrad",
            "budgeted_wage": "Budgeterad lön",
            "budgeted_po": "PO",
            "valid_from": "Fr.o.m.",
            "valid_to": "T.o.m.",
        },
        example=(
            ("T-101", "151010", "1100", "100 %", "34 000", "38,46 %", "2015-01-01", "tills vidare"),
            ("T-102", "151010", "1100", "75", "33 500", "38,46", "2015-01-01", ""),
        ),
    ),
    InputKind(
        name="employment",
        entity="employment",
        title=Text(sv="Anställningar", en="Employments"),
        description=Text(
            sv="En rad per anställning och tid med oförändrade villkor. Personnummer och anställningsnummer blir pseudonymer när "
            "filen läses; namn läses inte.",
            en="One row per employment and span of unchanged terms. Identity and employment numbers become pseudonyms when the "
            "file is read; names are not read.",
        ),
        sign=_NO_SIGN,
        fields=(
            *_WHO,
            _f(
                "birth_year",
                "birth_year",
                "Födelseår (eller födelsedatum), om det inte finns i personnumret; bara för grupper",
                "Year (or date) of birth, where the identity number does not give it; for groups only",
                "Födelseår, Födelsedatum, Född, Födelsedag, Birth year",
            ),
            _f(
                "sex",
                "choice",
                "Kön, om det inte finns i personnumret; bara för grupper",
                "Sex, where the identity number does not give it; for groups only",
                "Kön, Sex, Gender",
                choices={"F": ("kvinna", "k", "kv", "female"), "M": ("man", "male")},
            ),
            _POSITION,
            _TITLE,
            *_HR_CODES,
            _f(
                "employment_form",
                "code",
                "Anställningsform",
                "Form of employment",
                "Anställningsform, Anst.form, Anställningstyp, Anställningens art, Employment form",
                "TV",
            ),
            _f(
                "wage_form",
                "choice",
                "Löneform: month (månadslön) eller hour (timlön)",
                "Form of pay: month or hour",
                "Löneform, Avlöningsform, Wage form",
                choices={
                    "month": ("månad", "månadslön", "mån", "månadsavlönad", "m"),
                    "hour": ("timme", "timlön", "tim", "timavlönad", "t"),
                },
            ),
            _DEGREE,
            _f(
                "degree_from",
                "date",
                "Sysselsättningsgraden gäller från",
                "Since when the degree holds",
                "Sysselsättningsgrad fr.o.m., Grad fr.o.m., Degree from",
            ),
            _f(
                "monthly_wage",
                "money",
                "Månadslön. Säg med wage_basis om den är på heltid eller efter sysselsättningsgrad",
                "Monthly wage. Say with wage_basis whether it is for full time or by the degree",
                "Månadslön, Grundlön, Fast lön, Lön, Monthly wage",
                unit="SEK",
            ),
            _f(
                "full_time_wage",
                "money",
                "Månadslön på heltid",
                "Monthly wage for full time",
                "Heltidslön, Månadslön heltid, Heltidsmånadslön, Lön heltid, Full lön, Överenskommen lön, Full-time wage",
                "34 500",
                unit="SEK",
            ),
            _f(
                "actual_wage",
                "money",
                "Månadslön efter sysselsättningsgrad",
                "Monthly wage by the degree",
                "Aktuell lön, Faktisk lön, Faktisk månadslön, Aktuell månadslön, Månadslön aktuell, Utgående lön, "
                "Lön efter sysselsättningsgrad, Actual wage",
                unit="SEK",
            ),
            _f(
                "wage_basis",
                "choice",
                "Vad månadslönen avser: full_time (heltid) eller actual (efter sysselsättningsgrad)",
                "What the monthly wage is: full_time or actual (by the degree)",
                "Lön avser, Lönegrund, Wage basis",
                choices={"full_time": ("heltid", "heltidslön"), "actual": ("faktisk", "aktuell", "efter sysselsättningsgrad")},
            ),
            _f(
                "wage_from",
                "date",
                "Lönen gäller från",
                "Since when the wage holds",
                "Lön fr.o.m., Lön från, Lönedatum, Senaste lönerevision, Wage from",
            ),
            _f("hourly_wage", "money", "Timlön", "Hourly wage", "Timlön, Timpenning, Hourly wage", unit="SEK"),
            _f(
                "weekly_hours",
                "quantity",
                "Egen veckoarbetstid i timmar",
                "Own hours of work in an average week",
                "Veckoarbetstid, Arbetstid per vecka, Timmar per vecka, Veckotimmar, Weekly hours",
                unit="h",
            ),
            replace(
                _SPAN[0],
                synonyms=(
                    "Anställd från",
                    "Anställd fr.o.m.",
                    "Anställningsdatum",
                    "Anst from",
                    "Anställning from",
                    *_SPAN[0].synonyms,
                ),
            ),
            replace(
                _SPAN[1],
                synonyms=("Anställd till", "Anställd t.o.m.", "Avgångsdatum", "Anst tom", "Anställning tom", *_SPAN[1].synonyms),
            ),
            _DELETED,
        ),
        one_of=((("employment",), ("person",)),),
        key=("employment", "person"),
        example_headers={
            "person": "Personnummer",
            "employment": "Anställningsnummer",
            "position": "Tjänstnr",
            "title_code": "AID",
            "unit": "Ansvar",
            "employment_form": "Anställningsform",
            "degree": "Sysselsättningsgrad",
            "full_time_wage": "Heltidslön",
            "valid_from": "Fr.o.m.",
            "valid_to": "T.o.m.",
        },
        example=(
            ("811228-9874", "20417", "T-101", "151010", "1100", "TV", "100 %", "34 500", "2012-08-01", ""),
            ("670919-9530", "20533", "T-102", "151010", "1100", "TV", "75 %", "33 200", "2014-01-07", "9999-12-31"),
        ),
    ),
    InputKind(
        name="absence",
        entity="absence_spell",
        title=Text(sv="Frånvaro", en="Absence"),
        description=Text(
            sv="En rad per frånvaroperiod (eller frånvarodag med timmar). Senare filer rättar tidigare; filen får gälla vilka "
            "månader som helst.",
            en="One row per spell of absence (or absent day with hours). Later files correct earlier ones; a file may be for any "
            "months.",
        ),
        sign=_NO_SIGN,
        fields=(
            _RECORD,
            *_WHO,
            _f(
                "cause_code",
                "cause",
                "Orsak: PAXml:s kod (SJK, VAB) eller ord (sjuk, vård av barn). Egna koder: causes i källans inställningar",
                "Cause: PAXml's code (SJK, VAB) or a Swedish word (sjuk, vård av barn). Own codes: causes in the source's "
                "settings",
                "Frånvaroorsak, Frånvarokod, Frånvarotyp, Frånvaro, Orsakskod, Orsak, Ledighetsorsak, Ledighetstyp, Ledighet, "
                "Tidkod, "
                "Absence cause, Cause",
                "Sjuk",
                required=True,
            ),
            *_HR_CODES,
            replace(_SPAN[0], required=True),
            _SPAN[1],
            _f(
                "extent",
                "share",
                "Omfattning: 50 %, 50 eller 0,5; tomt: hela dagen",
                "Extent: 50 %, 50 or 0,5; empty: the whole day",
                "Omfattning, Frånvaroomfattning, Frånvarograd, Omf, Procent, Grad, Extent",
                "100 %",
            ),
            _f(
                "hours",
                "quantity",
                "Frånvarotimmar, för frånvaro en enda dag",
                "Hours absent, for absence on a single day",
                "Timmar, Antal timmar, Frånvarotimmar, Tim, Hours",
                unit="h",
            ),
            _DELETED,
        ),
        one_of=((("employment",), ("person",)),),
        key=("employment", "person"),
        example_headers={
            "employment": "Anställningsnummer",
            "cause_code": "Frånvaroorsak",
            "valid_from": "Fr.o.m.",
            "valid_to": "T.o.m.",
            "extent": "Omfattning",
        },
        example=(
            ("20417", "Sjuk", "2015-03-09", "2015-03-13", "100 %"),
            ("20533", "FPE", "2015-02-01", "", "0,5"),
        ),
    ),
    InputKind(
        name="payroll",
        entity="payroll_line",
        title=Text(sv="Löner", en="Payroll"),
        description=Text(
            sv="En rad per lönerad, arbetsgivaravgift eller bokföringsrad ur lönesystemet. En nyare fil ersätter de månader som "
            "båda "
            "har.",
            en="One row per pay row, employer contribution or posting of the payroll system. A newer file replaces the months "
            "that "
            "both have.",
        ),
        sign=_AMOUNT_SIGN,
        fields=(
            _RECORD,
            _f(
                "line_kind",
                "choice",
                "Slag av rad; tomt: pay (lönerad)",
                "Kind of row; empty: pay",
                "Radtyp, Slag, Posttyp, Line kind",
                "lönerad",
                choices={
                    "pay": ("lönerad", "lön", "bruttolön"),
                    "employer_contribution": ("arbetsgivaravgift", "arbetsgivaravgifter", "po", "po-pålägg", "sociala avgifter"),
                    "posting": ("kontering", "bokföring", "bokföringsrad"),
                    "transaction": ("transaktion", "lönetransaktion"),
                },
            ),
            _f(
                "period",
                "period",
                "Lönemånad: 201503, 2015-03. Saknas den tas utbetalningsdagens månad",
                "Payroll month: 201503, 2015-03. If absent, the month of payment",
                f"Löneperiod, Lönemånad, Utbetalningsmånad, {_PERIOD_SYNONYMS}",
                "2015-03",
            ),
            _f(
                "paid_on",
                "date",
                "Utbetalningsdag",
                "Day of payment",
                "Utbetalningsdatum, Utbetalningsdag, Utbet.datum, Betaldatum, Lönedatum, Paid on",
            ),
            *_WHO,
            _f(
                "wage_type",
                "code",
                "Löneart",
                "Wage type",
                "Löneart, Löneartsnr, Löneartsnummer, Löneartskod, Lart, Lönekod, Wage type",
                "100",
            ),
            _f(
                "pay_type",
                "code",
                "Löneartens typ: BRUTTO, FÖRMÅN, NETTO, SKATT",
                "Type of the wage type: BRUTTO, FÖRMÅN, NETTO, SKATT",
                "Lönetyp, Löneartstyp, Pay type",
            ),
            _HR_ACCOUNT,
            *_HR_CODES,
            _f("quantity", "quantity", "Antal (timmar, dagar)", "Quantity (hours, days)", "Antal, Kvantitet, Quantity"),
            _f("unit_price", "money", "Pris per enhet", "Price per unit", "À-pris, A-pris, Apris, Pris, Unit price", unit="SEK"),
            replace(_amount("Belopp, Lönebelopp, Bruttobelopp, Bruttolön, Kostnad, Amount"), required=True),
            _f(
                "work_from",
                "date",
                "Lönen avser arbete från",
                "First day of the work that is paid",
                "Avser från, Avser fr.o.m., Fr.o.m., Datum from, Work from",
            ),
            _f(
                "work_to",
                "date",
                "Lönen avser arbete till",
                "Last day of the work that is paid",
                "Avser till, Avser t.o.m., T.o.m., Datum tom, Work to",
            ),
        ),
        one_of=((("period",), ("paid_on",)),),
        key=("employment", "person", "account", "wage_type"),
        example_headers={
            "period": "Löneperiod",
            "employment": "Anställningsnummer",
            "line_kind": "Radtyp",
            "wage_type": "Löneart",
            "account": "Konto",
            "unit": "Ansvar",
            "amount": "Belopp",
        },
        example=(
            ("2015-03", "20417", "lönerad", "100", "5020", "1100", "34 500,00"),
            ("2015-03", "20417", "arbetsgivaravgift", "", "5610", "1100", "13 268,70"),
        ),
    ),
    InputKind(
        name="hr",
        entity="time_line",
        title=Text(sv="Personalsystem, PAXml", en="HR system, PAXml"),
        description=Text(
            sv="PAXml 2.0 till 2.3 (REGISTER, LÖNIN, LÖNUT): anställningar, frånvaro, arbetad tid, scheman och löner. Behöver "
            "inga "
            "kolumner, bara dimensions. Flera filer i en leverans läggs ihop.",
            en="PAXml 2.0 to 2.3 (REGISTER, LÖNIN, LÖNUT): employments, absence, time worked, schedules and payroll. Needs no "
            "columns, only dimensions. Several files of a delivery add up.",
        ),
        sign=_AMOUNT_SIGN,
        fields=(),
        is_table=False,
    ),
    InputKind(
        name="agreement",
        entity="agreement",
        title=Text(sv="Avtal (väntade intäkter och kostnader)", en="Agreements (expected income and costs)"),
        description=Text(
            sv="En rad per avtal som ger intäkt eller kostnad med jämna mellanrum. Filen är hela registret; en nyare ersätter "
            "det.",
            en="One row per agreement that gives income or cost at set intervals. The file is the whole register; a newer one "
            "replaces it.",
        ),
        sign=_UNSIGNED,
        fields=(
            _AGREEMENT_ID,
            _f(
                "direction",
                "choice",
                "income (intäkt) eller cost (kostnad)",
                "income or cost",
                "Riktning, Intäkt/kostnad, Slag, Typ, Direction",
                "intäkt",
                required=True,
                choices={
                    "income": ("intäkt", "intäkter", "inkomst", "försäljning", "kund"),
                    "cost": ("kostnad", "kostnader", "utgift", "köp", "leverantör"),
                },
            ),
            _SELLER,
            _BUYER,
            replace(_ACCOUNT, required=True),
            _CODES[5],
            _f(
                "party",
                "code",
                "Kund- eller leverantörsnummer",
                "Customer or supplier number",
                "Kundnr, Kundnummer, Leverantörsnr, Leverantörsnummer, Levnr, Kund/lev.nr, Kundnr/levnr, Kund/lev, "
                "Kund, Leverantör, Kund/leverantör, Part, Motpartsnamn, Party",
                "K-77",
            ),
            _f(
                "reference",
                "code",
                "Avtalets referens på fakturan",
                "The agreement's reference on the invoice",
                "Referens, Ref, Fakturareferens, Diarienr, Reference",
            ),
            _AGREEMENT_TEXT,
            *_OCCASIONS,
            _f(
                "index",
                "rate",
                "Årlig uppräkning: 2 %, 2 eller 0,02",
                "Yearly rise: 2 %, 2 or 0,02",
                "Index, Uppräkning, Indexuppräkning, Indexering",
                "2 %",
            ),
            *_SPAN,
        ),
        key=("agreement_id", "account"),
        example_headers={
            "agreement_id": "Avtalsnr",
            "direction": "Riktning",
            "seller_unit": "Säljande enhet",
            "account": "Konto",
            "counterparty": "Motpart",
            "party": "Kundnr",
            "text": "Text",
            "amount": "Belopp per tillfälle",
            "cadence": "Intervall",
            "phase": "Första månad",
            "index": "Index",
            "valid_from": "Fr.o.m.",
            "valid_to": "T.o.m.",
        },
        example=(
            ("A-12", "intäkt", "1100", "3411", "810", "K-77", "Facklig tid", "26 500", "1", "1", "2 %", "2014-01-01", "tv"),
            ("A-31", "kostnad", "1200", "7511", "890", "L-9", "Systemstöd", "120 000", "kvartal", "1", "", "2013-01-01", ""),
        ),
    ),
    InputKind(
        name="internal_agreement",
        entity="internal_agreement",
        title=Text(sv="Interna avtal", en="Internal agreements"),
        description=Text(
            sv="En rad per överenskommelse mellan två enheter i kommunen. Filen är hela registret; en nyare ersätter det.",
            en="One row per agreement between two units of the municipality. The file is the whole register; a newer one "
            "replaces "
            "it.",
        ),
        sign=_UNSIGNED,
        fields=(
            _AGREEMENT_ID,
            replace(_SELLER, required=True),
            replace(_BUYER, required=True),
            _f(
                "income_account",
                "code",
                "Konto hos säljaren",
                "Account that the seller books on",
                "Intäktskonto, Konto säljare, Konto intäkt, Income account",
                "3411",
            ),
            _f(
                "cost_account",
                "code",
                "Konto hos köparen",
                "Account that the buyer books on",
                "Kostnadskonto, Konto köpare, Konto kostnad, Cost account",
                "6011",
            ),
            *_OCCASIONS,
            _AGREEMENT_TEXT,
            _f("reference", "code", "Referens", "Reference of the agreement", "Referens, Ref, Diarienr, Reference"),
            *_SPAN,
        ),
        key=("agreement_id", "seller_unit"),
        example_headers={
            "agreement_id": "Avtalsnr",
            "seller_unit": "Säljande enhet",
            "buyer_unit": "Köpande enhet",
            "income_account": "Intäktskonto",
            "cost_account": "Kostnadskonto",
            "amount": "Belopp per tillfälle",
            "cadence": "Intervall",
            "text": "Text",
            "valid_from": "Fr.o.m.",
        },
        example=(("I-4", "1200", "1100", "3411", "6011", "12 000", "månad", "Internhyra", "2015-01-01"),),
    ),
    InputKind(
        name="period_release",
        entity="period_release",
        title=Text(sv="Periodsläpp", en="Released periods"),
        description=Text(
            sv="En rad per period och dagen då den rapporterades. Utan filen räknas första publiceringen efter månaden.",
            en="One row per period and the day it was reported. Without the file, the first publication after the month counts.",
        ),
        sign=_NO_SIGN,
        fields=(
            _f("period", "period", "Period", "The period", _PERIOD_SYNONYMS, "2015-03", required=True),
            _f(
                "released_on",
                "date",
                "Dagen då perioden släpptes",
                "Day the period was released",
                "Släppt, Släppdatum, Släpptes, Periodsläpp, Publicerad, Publiceringsdatum, Rapporterad, Låst, Stängd, "
                "Stängningsdatum, Datum, Released on, Released, Release date",
                "2015-04-13",
                required=True,
            ),
        ),
        key=("period",),
        example_headers={"period": "Period", "released_on": "Släppt"},
        example=(("2015-02", "2015-03-11"), ("2015-03", "2015-04-13")),
    ),
    InputKind(
        name="comment",
        entity="comment",
        title=Text(sv="Kommentarer till rapporten", en="Comments for the report"),
        description=Text(
            sv="Det som en människa skriver: en rad per period, enhet och, om den gäller en viss rad i uppföljningen, raden. "
            "Skriv "
            "inga uppgifter om enskilda personer; personnummer maskeras.",
            en="What a person writes: one row per period, unit and, where it is about a certain line of the follow-up, the line. "
            "Write nothing about individuals; personal identity numbers are masked.",
        ),
        sign=_NO_SIGN,
        fields=(
            _f("period", "period", "Uppföljningens månad", "Month of the follow-up", _PERIOD_SYNONYMS, "2015-03", required=True),
            replace(_CODES[0], required=True),
            replace(
                _REPORT_LINE,
                description=Text(
                    sv="Rad i uppföljningen: nyckel (personnel), rubrik eller summarad (netto); tomt: hela enheten",
                    en="Line of the follow-up: key (personnel), printed label or total (net); empty: the whole unit",
                ),
                type="any_line",
            ),
            _f("text", "text", "Kommentaren", "The comment", "Kommentar, Text, Analys, Comment", "Två vakanser", required=True),
            _f("author", "text", "Vem som skrev", "Who wrote it", "Författare, Skriven av, Ansvarig, Namn, Signatur, Author"),
        ),
        key=("period", "unit"),
        example_headers={"period": "Period", "unit": "Enhet", "report_line": "Rad", "text": "Kommentar", "author": "Skriven av"},
        example=(("2015-03", "1100", "personnel", "Två vakanser under våren.", "Controllern"),),
    ),
)

#: A PAXml file of one employment, its absence and its pay.
PAXML_EXAMPLE = """\
<?xml version="1.0" encoding="utf-8"?>
<paxml xmlns="http://www.paxml.se/2.0/paxml.xsd">
  <header><format>LÖNIN</format><version>2.0</version></header>
  <tidtransaktioner>
    <tidtrans anstid="20417"><tidkod>SJK</tidkod><datumfrom>2015-03-09</datumfrom><datumtom>2015-03-13</datumtom></tidtrans>
    <tidtrans anstid="20533"><tidkod>VAB</tidkod><datum>2015-03-17</datum><timmar>8</timmar></tidtrans>
  </tidtransaktioner>
</paxml>
"""

KINDS: dict[str, InputKind] = {kind.name: kind for kind in _KINDS}


# ---------------------------------------------------------------- headers and labels

_UNIT_WORDS = re.compile(r"[\s(,]+(?:i\s+)?(tkr|ksek|mkr|msek|kr|sek|kronor)\b[\s).]*$", re.IGNORECASE)


@lru_cache(maxsize=4096)
def header_key(header: str) -> str:
    """Return what two headers have in common when they differ in case, spaces, punctuation and a trailing unit only."""
    plain = _UNIT_WORDS.sub("", unicodedata.normalize("NFKC", header).strip())
    return "".join(letter for letter in plain.casefold() if letter.isalnum())


def header_unit(header: str) -> Literal["kr", "tkr", "mkr"] | None:
    """Return the unit of amount that a header states: `Budget (tkr)` gives 'tkr'."""
    match = _UNIT_WORDS.search(header.strip())
    if not match:
        return None
    word = match[1].lower()
    return "tkr" if word in ("tkr", "ksek") else "mkr" if word in ("mkr", "msek") else "kr"


def _label_keys(lines: dict[str, tuple[str, ...]]) -> dict[str, str]:
    return {header_key(label): key for key, labels in lines.items() for label in (key, *labels)}


_LINE_OF_LABEL, _TOTAL_OF_LABEL = _label_keys(REPORT_LINES), _label_keys(TOTAL_LINES)


def report_line(label: str) -> str | None:
    """Return the key of a report line from its key or a printed Swedish label; None for unknown labels and for totals."""
    return _LINE_OF_LABEL.get(header_key(label))


def any_line(label: str) -> str | None:
    """Return the key of a report line or of a total of them; None for unknown labels."""
    key = header_key(label)
    return _LINE_OF_LABEL.get(key) or _TOTAL_OF_LABEL.get(key)


def is_total_line(label: str) -> bool:
    """Tell whether a label names a report line that is the sum of others."""
    return header_key(label) in _TOTAL_OF_LABEL


def choice(options: dict[str, tuple[str, ...]], text: str) -> str | None:
    """Return the stored value for a word in the file: the value itself or one of its Swedish or English names."""
    wanted = header_key(text)
    return next((value for value, words in options.items() if wanted in {header_key(w) for w in (value, *words)}), None)


# ---------------------------------------------------------------- presentation


@dataclass(frozen=True)
class FieldRow:
    """One line of the description of a kind, as plain data. `needed`: 'required', 'one of', 'optional'."""

    name: str
    needed: str
    type: str
    unit: str
    description: Text
    headers: tuple[str, ...]
    example: str
    choices: tuple[str, ...]


@dataclass(frozen=True)
class Description:
    """What `avvik inputs` shows of one kind. `example` is rows of cells, the headers first."""

    name: str
    title: Text
    description: Text
    sign: Text
    fields: tuple[FieldRow, ...]
    alternatives: tuple[Text, ...]
    example: tuple[tuple[str, ...], ...]


def alternatives_text(group: tuple[tuple[str, ...], ...]) -> Text:
    """Return 'amount or debit + credit' in both languages."""
    alternatives = [" + ".join(names) for names in group]
    return Text(sv=" eller ".join(alternatives), en=" or ".join(alternatives))


def describe(kind: str) -> Description:
    """Return a kind's description as plain data, for the command and the README.

    Raises:
        SettingsError: no such kind.
    """
    if kind not in KINDS:
        raise SettingsError(
            Text(
                sv=f"Det finns inget slag av indata som heter “{kind}”. Slagen är: {', '.join(KINDS)}.",
                en=f"There is no kind of input called “{kind}”. The kinds are: {', '.join(KINDS)}.",
            )
        )
    found = KINDS[kind]
    grouped = {name for group in found.one_of for alternative in group for name in alternative}
    rows = tuple(
        FieldRow(
            name=f.name,
            needed="required" if f.required else "one of" if f.name in grouped else "optional",
            type=f.type,
            unit=f.unit,
            description=f.description,
            headers=f.synonyms[:6],
            example=f.example,
            choices=tuple(f.choices) or (tuple(REPORT_LINES) if f.type == "report_line" else ()),
        )
        for f in found.fields
    )
    return Description(
        name=found.name,
        title=found.title,
        description=found.description,
        sign=found.sign,
        fields=rows,
        alternatives=tuple(alternatives_text(group) for group in found.one_of),
        example=(_example_headers(found), *found.example) if found.is_table else (),
    )


def example_text(kind: str) -> str:
    """Return a small example of a kind as the lines of a semicolon separated file (or of a file of its own format).

    Raises:
        SettingsError: no such kind.
    """
    if not describe(kind).example:
        return PAXML_EXAMPLE
    text = io.StringIO()
    csv.writer(text, delimiter=";", lineterminator="\n").writerows(describe(kind).example)
    return text.getvalue()


def example_file(kind: str, folder: Path) -> Path:
    """Write a small example of a kind as `<kind>.csv` (UTF-8 with BOM, semicolon: opens in a Swedish Excel) and return its path.

    A format that is no table has its own ending (`hr.xml`).

    Raises:
        SettingsError: no such kind.
    """
    text = example_text(kind)
    folder.mkdir(parents=True, exist_ok=True)
    if not KINDS[kind].is_table:
        path = folder / f"{kind}.xml"
        path.write_text(text, encoding="utf-8")
        return path
    path = folder / f"{kind}.csv"
    path.write_text(text, encoding="utf-8-sig", newline="\r\n")
    return path


def _example_headers(kind: InputKind) -> tuple[str, ...]:
    headers: list[str] = []
    for header in kind.example_headers.values():
        headers.extend([header] if isinstance(header, str) else header)
    return tuple(headers)
