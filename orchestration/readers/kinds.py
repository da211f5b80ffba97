"""Every kind of input table: its fields, what they mean, and how a municipality may have named them.

What belongs here: data (fields, alternatives, units, sign, synonyms of headers, example rows) and its presentation. The reader's
errors, the proposal of a map and `avvik inputs` all come from it, so that they cannot disagree. What does not: parsing
(`numbers`), file formats (`sheets`), building the tables (`tables`).

A field is named as the column of the contract's entity that it fills. Reader-only fields (`READER_ONLY`) are other ways to state
such a column: debit and credit instead of amount, twelve month columns instead of period and amount.
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

FieldType = Literal["code", "text", "amount", "quantity", "date", "period", "year", "choice", "report_line", "months"]

#: Fields that are no columns of the contract: see the module's docstring.
READER_ONLY = ("debit", "credit", "date", "months", "fiscal_year")

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
                "Bokföringsdatum, Verifikationsdatum, Verdatum, Ver.datum, Bokf.datum, Bokdatum, Vdatum, Datum, Posting date, "
                "Voucher date, Date",
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
                "Vernr, Ver.nr, Ver, Verifikationsnummer, Verifikationsnr, Verifikation, Vernummer, Voucher number, Voucher",
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
                "Registreringsdatum, Regdatum, Reg.datum, Registration date",
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
                "Leverantörsnr, Levnr, Lev.nr, Kundnr, Leverantörsid, Leverantör-id, Kund/lev, Supplier number",
            ),
            _f(
                "party_name",
                "text",
                "Kundens eller leverantörens namn",
                "Name of the customer or supplier",
                "Leverantör, Leverantörsnamn, Kund, Kundnamn, Lev.namn, Supplier",
                "AB Exempel",
            ),
            _f(
                "reference",
                "code",
                "Faktura- eller avtalsnummer",
                "Invoice or agreement number",
                "Fakturanr, Fakturanummer, Faktura, Avtalsnr, Referens, Ref, Invoice number, Reference",
                "F-2201",
            ),
            _f(
                "service_from",
                "date",
                "Första dagen som intäkten eller kostnaden avser",
                "First day that the income or cost is for",
                "Avser från, Avser fr o m, Periodiseras från, Service from",
            ),
            _f(
                "service_to",
                "date",
                "Sista dagen som intäkten eller kostnaden avser",
                "Last day that the income or cost is for",
                "Avser till, Avser t o m, Periodiseras till, Service to",
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
)

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
        example=(_example_headers(found), *found.example),
    )


def example_text(kind: str) -> str:
    """Return a small example of a kind as the lines of a semicolon separated file.

    Raises:
        SettingsError: no such kind.
    """
    text = io.StringIO()
    csv.writer(text, delimiter=";", lineterminator="\n").writerows(describe(kind).example)
    return text.getvalue()


def example_file(kind: str, folder: Path) -> Path:
    """Write a small example of a kind as `<kind>.csv` (UTF-8 with BOM, semicolon: opens in a Swedish Excel) and return its path.

    Raises:
        SettingsError: no such kind.
    """
    text = example_text(kind)
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{kind}.csv"
    path.write_text(text, encoding="utf-8-sig", newline="\r\n")
    return path


def _example_headers(kind: InputKind) -> tuple[str, ...]:
    headers: list[str] = []
    for header in kind.example_headers.values():
        headers.extend([header] if isinstance(header, str) else header)
    return tuple(headers)
