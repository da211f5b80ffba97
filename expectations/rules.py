"""The one catalogue of periodisation rules: what each finds, what it means, what to do, and the thresholds.

What belongs here: permanent ids, titles, meanings, advice, and every number that a municipality may want to change. What does
not: how a
rule is computed (`orchestration.findings`) and the findings themselves.

A rule's id is never reused. Amounts are SEK.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields, replace
from typing import Any

from orchestration.errors import SettingsError, Text


@dataclass(frozen=True)
class Rule:
    """One rule. `tier` is where its findings start unless the evidence says otherwise: 'fel' asserted, 'fråga' asked."""

    rule_id: str
    title: Text
    meaning: Text
    action: Text
    tier: str


RULES: dict[str, Rule] = {
    rule.rule_id: rule
    for rule in (
        Rule(
            "PER-01",
            Text("Väntad intäkt saknas", "Expected income is missing"),
            Text(
                "En återkommande eller avtalad intäkt är varken bokförd eller upplupen i sin period. Utfallet är för lågt.",
                "A recurring or agreed income is neither booked nor accrued in its period. The outcome is too low.",
            ),
            Text(
                "Fakturera, eller boka upp intäkten med föreslaget belopp och återför den nästa period. Har avtalet "
                "upphört: svara det.",
                "Invoice it, or accrue the proposed amount and reverse it next period. If the agreement has ended, answer so.",
            ),
            "fråga",
        ),
        Rule(
            "PER-02",
            Text("Upphämtning av tidigare perioder", "Catch-up of earlier periods"),
            Text(
                "Ett belopp för tidigare perioder är bokfört på en gång, eller ett tidigare års intäkt ligger i årets utfall.",
                "An amount for earlier periods is booked in one go, or a prior year's income lies in this year's outcome.",
            ),
            Text(
                "Räkna av beloppet som engångspost i prognosen. Periodisera framåt, så att det inte återkommer.",
                "Treat the amount as a one-off in the forecast. Accrue from now on, so that it does not come back.",
            ),
            "fel",
        ),
        Rule(
            "PER-03",
            Text("Internhandel på en sida eller med olika belopp", "Internal trade on one side or at different amounts"),
            Text(
                "Säljare och köpare har inte bokfört samma interna post i samma period. Neutralt för kommunen, inte "
                "för enheterna.",
                "Seller and buyer have not booked the same internal item in the same period. Neutral for the "
                "municipality, not for the units.",
            ),
            Text("Bokför den sida som saknas, eller rätta beloppet.", "Book the side that is missing, or correct the amount."),
            "fel",
        ),
        Rule(
            "PER-04",
            Text("Budgetens periodisering följer inte verksamheten", "The budget profile does not follow the activity"),
            Text(
                "Budgeten är fördelad över året på annat sätt än utfallet brukar vara. Den delen av avvikelsen är bara profil.",
                "The budget is spread over the year in another way than the outcome usually is. That part of the "
                "deviation is only profile.",
            ),
            Text("Läs in den rättade tolvmånadersprofilen.", "Import the corrected twelve-month profile."),
            "fel",
        ),
        Rule(
            "PER-05",
            Text("Bokfört i fel period", "Booked in the wrong period"),
            Text(
                "Tjänsteperioden, fakturadatumet eller texten säger en annan period än den bokförda, eller en "
                "förutbetald kostnad är tagen på en gång.",
                "The service period, the invoice date or the text says another period than the booked one, or a "
                "prepaid cost is taken at once.",
            ),
            Text("Periodisera till rätt period med föreslagen bokning.", "Accrue to the right period with the proposed entry."),
            "fel",
        ),
        Rule(
            "PER-06",
            Text("Bokfört två gånger", "Booked twice"),
            Text(
                "Samma verifikation eller faktura är bokförd mer än en gång, kanske med annat nummer, datum eller "
                "små skillnader.",
                "The same voucher or invoice is booked more than once, perhaps with another number, date or a small difference.",
            ),
            Text(
                "Vänd dubbletten. Kontrollera om den också är betald.",
                "Reverse the duplicate. Check whether it was paid as well.",
            ),
            "fel",
        ),
        Rule(
            "PER-07",
            Text("Fel tecken eller fel sida", "Wrong sign or side"),
            Text(
                "En post har omvänt tecken, eller en intäkt ligger på ett kostnadskonto.",
                "An item has the opposite sign, or income lies on a cost account.",
            ),
            Text("Vänd posten och bokför den på rätt sida.", "Reverse the item and book it on the right side."),
            "fel",
        ),
        Rule(
            "PER-08",
            Text("Lön i redovisningen stämmer inte med lönesystemet", "Payroll in the ledger differs from the HR export"),
            Text(
                "Lön eller PO-pålägg per enhet och månad stämmer inte med lönesystemet eller med PO-satsen.",
                "Pay or employer on-cost per unit and month does not agree with the HR export or with the rate.",
            ),
            Text(
                "Kontrollera löneintegrationen för enheten och månaden.", "Check the payroll integration for the unit and month."
            ),
            "fel",
        ),
        Rule(
            "PER-09",
            Text("Återkommande kostnad saknas", "A recurring cost is missing"),
            Text(
                "En återkommande kostnad är varken bokförd eller upplupen. Utfallet ser bättre ut än det är.",
                "A recurring cost is neither booked nor accrued. The outcome looks better than it is.",
            ),
            Text(
                "Boka upp kostnaden med föreslaget belopp och återför den när fakturan kommer. Har avtalet upphört: svara det.",
                "Accrue the proposed amount and reverse it when the invoice arrives. If the agreement has ended, answer so.",
            ),
            "fråga",
        ),
        Rule(
            "PER-10",
            Text("Bokfört efter att perioden släppts", "Posted after the period was released"),
            Text(
                "Posten är registrerad i en period som redan var rapporterad, och ändrar siffror som lästs.",
                "The item was registered in a period already reported, and changes figures that people have read.",
            ),
            Text(
                "Meddela ändringen i nästa rapport, eller flytta posten till öppen period.",
                "Report the change, or move the item to an open period.",
            ),
            "fel",
        ),
        Rule(
            "PER-11",
            Text("Verifikationskedjan brister", "The chain of vouchers is broken"),
            Text(
                "Ett nummer saknas i en serie, en verifikation balanserar inte, eller en interimspost är aldrig återförd.",
                "A number is missing in a series, a voucher does not balance, or an accrual was never reversed.",
            ),
            Text(
                "Finn verifikationen, rätta den, eller återför interimsposten.",
                "Find the voucher, correct it, or reverse the accrual.",
            ),
            "fel",
        ),
    )
}


@dataclass(frozen=True)
class Thresholds:
    """The numbers a municipality may change. The defaults are starting values, not truths.

    Raises nothing itself; `thresholds()` checks names and types of overrides.
    """

    #: Smallest amount (SEK) that a finding on a recurring posting may have.
    materiality: float = 1_000.0
    #: Smallest amount (SEK) for findings on single rows without a series behind them (cut-off, prepaid, sign).
    accrual_threshold: float = 25_000.0
    #: Smallest amount (SEK) of a suspected duplicate.
    duplicate_minimum: float = 500.0
    #: Days within which two rows may be the same invoice.
    duplicate_days: int = 70
    #: Under this share of the expected amount a posting counts as absent; a partial last invoice lies above it.
    absent_share: float = 0.2
    #: Over this multiple of the expected amount a posting holds more than one occasion.
    over_share: float = 1.6
    #: Probability above which a missing posting is asserted ('fel') instead of asked ('fråga').
    assert_at: float = 0.9
    #: Budget profile: smallest distance between cumulative curves (share of the year) and smallest curve effect (SEK).
    profile_distance: float = 0.08
    profile_assert: float = 0.12
    profile_minimum: float = 50_000.0
    #: Payroll: smallest difference as share and SEK; the ledger's pay may lie this many months after the HR period.
    payroll_share: float = 0.01
    payroll_minimum: float = 5_000.0
    payroll_lag: int = 0
    #: Missing numbers above this share of a voucher series mean that the series is not exported whole: no gap findings.
    gap_share: float = 0.02
    #: Months of history that are used.
    history_months: int = 48
    #: Account prefixes (Kommun-Bas): pay, employer on-cost, interim receivables and liabilities, and where an accrual goes.
    #: On-cost (PO) is told by its rate: 56 (employer contributions), and 57 where the pension part of PO is booked there and no
    #: actual pensions are, which follow no rate.
    pay_accounts: tuple[str, ...] = ("50", "51")
    on_cost_accounts: tuple[str, ...] = ("56",)
    interim_receivables: tuple[str, ...] = ("17",)
    interim_liabilities: tuple[str, ...] = ("29",)
    accrued_income_account: str = "1790"
    prepaid_cost_account: str = "1710"
    accrued_cost_account: str = "2990"
    prepaid_income_account: str = "2970"
    #: Rules that are not run.
    disabled: tuple[str, ...] = field(default=())


def thresholds(overrides: dict[str, Any] | None = None) -> Thresholds:
    """Return the thresholds of one municipality: the defaults with its own values in `overrides`.

    Raises:
        SettingsError: an unknown name or a value of the wrong type.
    """
    known = {f.name: f for f in fields(Thresholds)}
    values: dict[str, Any] = {}
    for name, value in (overrides or {}).items():
        if name not in known:
            raise SettingsError(
                Text(
                    sv=f"Okänd gräns “{name}” för fynd. Kända: {', '.join(sorted(known))}.",
                    en=f"Unknown findings threshold “{name}”. Known: {', '.join(sorted(known))}.",
                )
            )
        default = getattr(Thresholds(), name)
        if isinstance(default, tuple) and isinstance(value, (list, tuple)):
            values[name] = tuple(str(v) for v in value)
        elif isinstance(default, str) and isinstance(value, str):
            values[name] = value
        elif isinstance(default, (int, float)) and isinstance(value, (int, float)) and not isinstance(value, bool):
            values[name] = type(default)(value)
        else:
            raise SettingsError(
                Text(sv=f"Gränsen “{name}” har fel typ: {value!r}.", en=f"The threshold “{name}” has the wrong type: {value!r}.")
            )
    return replace(Thresholds(), **values)
