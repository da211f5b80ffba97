"""Swedish sentences from the numbers of a report.

What belongs here: words. Every sentence states numbers of the model or of a cause, and nothing that data does not say; what a
person knows besides is a comment and is kept apart. What does not: arithmetic beyond choosing what is largest, and HTML.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from orchestration.report.causes import Cause, Explained
from orchestration.report.evidence import Finding
from orchestration.report.model import ZERO, LineFacts, Rate, Report
from orchestration.report.numbers import listed, money, month_name, month_span, month_year, number, percent

_QUARTER = Decimal("0.25")
_UNIT_SHARE = Decimal("0.7")
_MONTH_SHARE = Decimal("0.6")
_KEPT = Decimal("0.8")
_HUNDREDTH = Decimal("0.01")
_LEAST = Decimal(1000)
_NO_SHARE = Decimal("0.0005")
_RATE_IS_SAME = Decimal("0.005")


@dataclass(frozen=True)
class Paragraph:
    """A lead in bold and the sentences after it.

    `explained` where it is about one line's deviation in the period, `unit` where it is about a unit below the report's.
    """

    lead: str
    sentences: list[str]
    line: str = ""
    explained: Explained | None = None
    unit: str = ""

    @property
    def text(self) -> str:
        """Lead and sentences."""
        return f"{self.lead} {' '.join(self.sentences)}"


@dataclass
class Words:
    """All running text of a report, in the order of the printed reports."""

    title: str
    summary: list[str] = field(default_factory=list)
    result: list[str] = field(default_factory=list)
    deviations: list[Paragraph] = field(default_factory=list)
    after_deviations: list[str] = field(default_factory=list)
    units: list[Paragraph] = field(default_factory=list)
    forecast: list[str] = field(default_factory=list)
    forecast_lines: list[str] = field(default_factory=list)
    risk: list[str] = field(default_factory=list)
    risks: list[Paragraph] = field(default_factory=list)
    followed_up: list[str] = field(default_factory=list)

    def plain(self) -> str:
        """Return the text about the report's own unit as plain paragraphs: what its table can be asked about."""
        bullets = [f"- {p.lead} {' '.join(p.sentences)}" for p in self.deviations]
        risks = [f"- {p.lead}. {' '.join(p.sentences)}" for p in self.risks]
        parts = [
            self.title,
            "Sammanfattning",
            *self.summary,
            "Ekonomiskt utfall och prognos",
            " ".join(self.result),
            *bullets,
            *self.after_deviations,
            "Prognos",
            *self.forecast,
            *(f"- {sentence}" for sentence in self.forecast_lines),
            "Riskbedömning",
            *self.risk,
            *risks,
            *self.followed_up,
        ]
        return "\n\n".join(part for part in parts if part)


def write(report: Report, explained: Sequence[Explained]) -> Words:
    """Return the text of a report. `explained`: the lines that matter, largest deviation first."""
    words = Words(title=f"{report.name}: ekonomisk uppföljning per {month_year(report.period)}")
    shown = list(explained[: report.options.max_deviations])
    words.summary = _summary(report, shown)
    words.result = _result(report, shown)
    words.deviations = [_deviation(report, found) for found in shown]
    words.after_deviations = _after(report, explained, shown)
    words.units = _unit_paragraphs(report)
    words.forecast = _forecast(report)
    words.forecast_lines = _forecast_lines(report)
    words.risks = _risks(report, explained)
    words.risk = _risk_intro(report, words.risks)
    words.followed_up = _followed_up(report)
    return words


# How lines are spoken of


def cost_form(report: Report) -> bool:
    """Whether the net is spoken of as a net cost (nettokostnad); else as a result, which may have either sign."""
    net = report.net
    amounts = (net.outcome, net.budget, net.budget_year, net.forecast or ZERO)
    return not report.has("financial") and all(amount <= 0 for amount in amounts)


def compared(line: LineFacts, deviation: Decimal, *, cost: bool = True) -> str:
    """Return '2,1 mkr lägre än budget' of a favourable cost deviation; net results and financial items are better or worse."""
    if abs(deviation) < _LEAST / 2:
        return "i linje med budget"
    if line.kind == "other" or (line.kind == "net" and not cost):
        word = "bättre" if deviation > 0 else "sämre"
    else:
        word = "högre" if (deviation > 0) == (line.kind == "income") else "lägre"
    return f"{money(deviation)} {word} än budget"


def _of_budget(deviation: Decimal, budget: Decimal) -> str:
    if abs(budget) < _LEAST:
        return ""
    share = abs(deviation) / abs(budget)
    if share < _NO_SHARE:
        return ""
    return f" ({percent(share, 1 if share < _HUNDREDTH else 0)})"


def _surplus(deviation: Decimal) -> str:
    return "överskott" if deviation > 0 else "underskott"


def in_text(line: LineFacts) -> str:
    """Return the line's label inside a sentence: 'övriga externa kostnader'; an abbreviation keeps its capitals."""
    return line.label if line.label[1:2].isupper() else f"{line.label[:1].lower()}{line.label[1:]}"


# Summary and result


def _net_sentence(report: Report) -> str:
    net, cost = report.net, cost_form(report)
    amount = money(net.outcome, sign=not cost)
    where = compared(net, net.deviation, cost=cost)
    return f"Periodens {'nettokostnad' if cost else 'resultat'} uppgår till {amount}, vilket är {where}."


def _headline(report: Report) -> str:
    net = report.net
    if abs(net.deviation) < _LEAST / 2:
        return "Periodens utfall är i linje med budget."
    return f"Periodens utfall visar ett {_surplus(net.deviation)} på {money(net.deviation)} jämfört med budget."


def _summary(report: Report, shown: Sequence[Explained]) -> list[str]:
    first = [_headline(report)]
    if shown:
        first += _largest(report, shown[0])
        others = [f"{in_text(found.line)} ({money(found.amount, sign=True)})" for found in shown[1:4]]
        if others:
            first.append(f"Därefter kommer {listed(others)}.")
    else:
        first.append("Ingen rad avviker så mycket att den behöver förklaras.")
    where = _forecast_where(report)
    rate = _rate_in_short(report, "Prognosen" if where else "Den")
    second = [_forecast_headline(report), *where, *rate] if report.rest else []
    units = _units(report)
    third = [units] if units else []
    if shown:
        third.append(_explained_share(report, shown))
    errors = _errors(report)
    if errors:
        third.append(f"I bokföringen finns {_findings(len(errors), 'öppet')}. {_if_corrected(report, errors)}")
    return [" ".join(part) for part in (first, second) if part] + third


def _largest(report: Report, top: Explained) -> list[str]:
    """The largest deviation of a line: what the net's deviation depends on, where it is at least half of it."""
    net = report.net.deviation
    what = f"{in_text(top.line)}, som är {compared(top.line, top.amount)}"
    depends = (top.amount > 0) == (net > 0) and abs(top.amount) >= abs(net) / 2
    sentences = [f"{'Det beror främst på' if depends else 'Störst är avvikelsen för'} {what} för perioden."]
    profile = _profile_of(top)
    return [*sentences, _profile_short(top, profile)] if profile else sentences


def _rate_in_short(report: Report, subject: str) -> list[str]:
    """What the forecast implies for the rest of the year, and the lines that it depends on, without amounts per month."""
    rate = report.rate(report.net)
    if rate is None:
        return []
    if not cost_form(report) or rate.change is None or abs(rate.change) < _RATE_IS_SAME:
        return [_rate_sentence(report, rate, subject)]
    jumps = [driver for driver in _drivers(report, rate) if abs(driver.change or ZERO) >= report.options.forecast_jump][:2]
    names = listed([f"{in_text(driver.line)} ({percent(driver.change or ZERO, plus=True)})" for driver in jumps])
    word = "ökar" if rate.change > 0 else "minskar"
    because = f", främst genom {names}" if names else ""
    change = percent(abs(rate.change))
    return [f"{subject} förutsätter att nettokostnaden per månad {word} med {change} jämfört med hittills{because}."]


def _units(report: Report) -> str:
    """Which units below the report's have the largest surplus and deficit of the period."""
    nets = [(child.lines["net"].deviation, child.name) for child in report.children if "net" in child.lines]
    least = max(abs(report.net.deviation) / 10, _LEAST)
    plus = sorted(((amount, name) for amount, name in nets if amount >= least), reverse=True)[:2]
    minus = sorted((amount, name) for amount, name in nets if amount <= -least)[:3]
    if len(nets) < 2:
        return ""
    parts = []
    for word, found in (("överskott", plus), ("underskott", minus)):
        if found:
            names = listed([f"{name} ({money(amount, sign=True)})" for amount, name in found])
            parts.append(f"störst {word} hos {names}")
    return f"Bland {_below(report)} finns {', och '.join(parts)}." if parts else ""


def _below(report: Report) -> str:
    """Return what the units below are called, by their names: 'nämnderna', 'kontoren', 'förvaltningarna', else 'enheterna'."""
    names = [child.name.lower() for child in report.children]
    for ending, word in (("nämnden", "nämnderna"), ("kontoret", "kontoren"), ("förvaltningen", "förvaltningarna")):
        if sum(name.endswith(ending) for name in names) * 2 > len(names):
            return word
    return "enheterna"


def _explained_share(report: Report, shown: Sequence[Explained]) -> str:
    total = sum((abs(found.amount) for found in shown), ZERO)
    known = sum((found.share * abs(found.amount) for found in shown), ZERO)
    if known == 0 and any(found.causes for found in shown):
        first = (
            "De orsaker som går att belägga i data drar åt andra hållet än avvikelserna eller är mer än dubbelt så stora; "
            "det som återstår när de räknats bort är oförklarat."
        )
    elif known == 0:
        first = "Data visar var avvikelserna finns men ger ingen orsak till dem."
    else:
        first = (
            f"Data förklarar {percent(known / total)} av de väsentliga radavvikelserna "
            f"(sammanlagt {money(total)} utan hänsyn till tecken); resten är oförklarad."
        )
    return f"{first} {_comments_wanted(report, shown)}".rstrip()


def needs_comment(found: Explained) -> bool:
    """Whether so much of a deviation is unexplained that somebody who knows should say why."""
    return abs(found.unexplained) >= max(_LEAST, abs(found.amount) / 20)


def _comments_wanted(report: Report, shown: Sequence[Explained]) -> str:
    wanted = [found for found in shown if needs_comment(found)]
    missing = [found for found in wanted if not report.comment(found.line.key)]
    if not wanted:
        return ""
    if not missing:
        return "Verksamhetens kommentarer står vid raderna."
    if len(missing) == len(wanted):
        return "Orsakerna behöver anges av verksamheten."
    return f"Kommentar från verksamheten saknas till {listed([in_text(found.line) for found in missing])}."


def _result(report: Report, shown: Sequence[Explained]) -> list[str]:
    found = [_net_sentence(report)]
    if shown:
        found.append("Bakom resultatet kan utläsas:")
    return found


# One deviation


def _profile_of(found: Explained) -> Cause | None:
    return next((cause for cause in found.causes if cause.kind == "budget_profile"), None)


def _early(line: LineFacts, cause: Cause) -> str:
    return "tidigt" if cause.facts["share"] > cause.facts["reference"] else "sent"


def _works_with(found: Explained, cause: Cause) -> bool:
    return (cause.amount > 0) == (found.amount > 0)


def _profile_short(found: Explained, cause: Cause) -> str:
    share = cause.facts["share"]
    where = f"{percent(share, 1)} av årets budget ligger i perioden"
    if cause.facts["flat"]:
        where = "den ligger i tolftedelar, men i fjol kom beloppen " + _opposite(_early(found.line, cause))
    if not _works_with(found, cause):
        return f"Budgetens periodisering döljer dessutom {money(cause.amount)}: {where}."
    if abs(cause.amount) >= abs(found.amount):
        left = money(found.amount - cause.amount, sign=True)
        return f"Utan budgetens periodisering hade avvikelsen varit {left}: {where}."
    part = percent(cause.amount / found.amount)
    return f"Av det är {money(cause.amount)} ({part}) en följd av budgetens periodisering: {where}."


def _opposite(word: str) -> str:
    return "sent på året" if word == "tidigt" else "tidigt på året"


def _profile_sentences(found: Explained, cause: Cause) -> list[str]:
    early, facts = _early(found.line, cause), cause.facts
    even = facts["reference"] == facts["even"]
    basis = "jämn fördelning" if even else "fjolårets fördelning"
    if facts["flat"]:
        first = (
            f"Budgeten är periodiserad i tolftedelar ({percent(facts['share'], 1)} i perioden), "
            f"men i fjol kom {percent(facts['reference'], 1)} av årets belopp under de här månaderna."
        )
    else:
        first = (
            f"Budgeten är periodiserad {early} på året: perioden har {percent(facts['share'], 1)} av årets budget, "
            f"mot {percent(facts['reference'], 1)} med {basis}."
        )
    other = f"med {basis} hade avvikelsen varit {money(found.amount - cause.amount, sign=True)}"
    if not _works_with(found, cause):
        return [first, f"Det döljer {money(cause.amount)}: {other}."]
    if abs(cause.amount) > abs(found.amount):
        return [first, f"Det förklarar mer än hela avvikelsen: {other}."]
    return [first, f"Det förklarar {money(cause.amount)} ({percent(cause.amount / found.amount)}) av avvikelsen."]


def _deviation(report: Report, found: Explained) -> Paragraph:
    line = found.line
    sentences: list[str] = []
    for cause in found.causes:
        if cause.kind == "budget_profile":
            sentences += _profile_sentences(found, cause)
    sentences += _bridge_sentences(report, found)
    sentences += [_finding_sentence(report, found, cause) for cause in found.causes if cause.kind == "finding"]
    nothing = [cause for cause in found.causes if cause.kind == "nothing_booked"]
    if nothing:
        what = "intäkt" if line.kind == "income" else "kostnad"
        units = listed([f"{cause.unit} (budget {money(cause.facts['budget'])})" for cause in nothing])
        sentences.append(f"Ingen {what} är bokförd i perioden hos {units}.")
    for cause in found.causes:
        if cause.kind in ("late", "earlier_year"):
            word = "är bokfört efter perioden men avser den" if cause.kind == "late" else "avser tidigare år"
            sentences.append(f"En del av avvikelsen, {money(cause.amount, sign=True)}, {word}.")
    sentences += _where(report, found)
    sentences += _when(report, found)
    sentences += _accounts(report, found)
    sentences += _unexplained(found)
    sentences += _questions(report, found)
    lead = f"{line.label} är {compared(line, found.amount)} för perioden{_of_budget(found.amount, line.budget)}."
    return Paragraph(lead, sentences, line.key, found)


#: Steps of the personnel bridge in a sentence: where they make the outcome better than budget, and where worse.
_STEPS = {
    "vacancy": ("vakanser", "fler tillsatta än i personalstaten"),
    "overlap": ("dubbelbemanning", "dubbelbemanning"),
    "degree": ("lägre sysselsättningsgrad än i personalstaten", "högre sysselsättningsgrad än i personalstaten"),
    "rate": ("lägre lönenivå än budgeterat", "högre lönenivå än budgeterat"),
    "po": ("lägre PO-pålägg än budgeterat", "högre PO-pålägg än budgeterat"),
    "budget_rest": ("personalbudget utöver personalstaten", "personalstat utöver personalbudgeten"),
}


def _bridge_sentences(report: Report, found: Explained) -> list[str]:
    """The steps of the personnel bridge, those that work with the deviation first, and the staff that was hired instead."""
    steps = [cause for cause in found.causes if cause.kind.startswith("bridge_")]
    if not steps:
        return []
    steps.sort(key=lambda cause: cause.kind == "bridge_small")  # several steps that are small each: said last
    least = max(abs(found.amount) * report.options.cause_share, _LEAST)
    named = [_step(cause) for cause in steps if _works_with(found, cause) and abs(cause.amount) >= least][:5]
    against = [_step(cause) for cause in steps if not _works_with(found, cause) and abs(cause.amount) >= least][:3]
    sentences = []
    if named:
        sentences.append(f"Enligt personalbryggan är orsakerna främst {listed(named)}.")
    if against:
        sentences.append(f"Åt andra hållet {'drar' if named else 'pekar personalbryggan med'} {listed(against)}.")
    if report.evidence.full_time:
        planned, filled = (number(value, 1) for value in report.evidence.full_time)
        sentences.append(f"Personalstaten har i snitt {planned} årsarbetare, varav {filled} är tillsatta.")
    hired, both = report.evidence.memo("hired_staff"), report.evidence.memo("net_staffing")
    if hired and both and abs(hired.amount) >= _LEAST:
        sentences.append(
            f"Inhyrd personal, som ligger på en annan rad, står för {money(hired.amount, sign=True)} mot sin budget; "
            f"bemanningen som helhet hamnar därmed på {money(both.amount, sign=True)}."
        )
    return sentences


def _step(cause: Cause) -> str:
    better, worse = _STEPS.get(cause.kind.removeprefix("bridge_"), ("", ""))
    name = better if cause.amount > 0 else worse
    return f"{name or cause.title[:1].lower() + cause.title[1:]} ({money(cause.amount, sign=True)})"


def _finding_sentence(report: Report, found: Explained, cause: Cause) -> str:
    """An error in the books that is still there, with the largest of its kind."""
    named = [_about(report, finding) for finding in cause.findings[:2]]
    if len(cause.findings) > 1:
        named = [f"{name} ({money(-f.effect, sign=True)})" for name, f in zip(named, cause.findings, strict=False)]
    rest = len(cause.findings) - len(named)
    named += [f"{number(rest)} till"] if rest else []
    what = "ett öppet fynd" if len(cause.findings) == 1 else f"{number(len(cause.findings))} öppna fynd"
    amount, told = money(cause.amount, sign=True), f"{what} i bokföringen, ”{cause.title}”"
    if _works_with(found, cause):
        return f"Av avvikelsen förklaras {amount} av {told}: {listed(named)}."
    return f"Åt andra hållet drar {told} ({amount}): {listed(named)}."


def _about(report: Report, finding: Finding) -> str:
    """Return whom and when a finding is about: 'Bidrag AB hos Kansliet i februari'."""
    who = finding.who or (f"konto {finding.account}" if finding.account else "rader")
    who = f"leverantör eller kund {who}" if who.isdigit() else who  # the ledger has a number and no name
    where = f" hos {finding.unit_name}" if finding.unit != report.unit else ""
    months = month_span(finding.periods)
    if {period[:4] for period in finding.periods} == {report.period[:4]}:
        months = months.replace(f" {report.period[:4]}", "")
    return f"{who}{where} i {months}"


def _findings(count: int, word: str) -> str:
    """Return '1 öppet fynd' or '7 öppna fynd'."""
    return f"1 {word} fynd" if count == 1 else f"{number(count)} {'öppna' if word == 'öppet' else word} fynd"


def _them(count: int) -> str:
    return "det" if count == 1 else "de"


def _errors(report: Report) -> list[Finding]:
    """Open errors that are asserted and concern the period."""
    return [f for f in report.evidence.findings if f.is_cause and report.first_period <= f.period <= report.period]


def _if_corrected(report: Report, errors: Sequence[Finding]) -> str:
    """What the net changes by when errors are put right; trade between units of the report changes nothing."""
    internal = [f for f in errors if f.is_internal]
    total = sum((f.effect for f in errors if not f.is_internal), ZERO)
    start = f"Rättas {_them(len(errors))} ändras periodens belopp med {money(total, sign=True)} netto"
    if not internal:
        return f"{start}."
    size = money(sum((abs(f.effect) for f in internal), ZERO))
    return f"{start}; internhandel mellan enheter i rapporten, {size}, tar ut sig själv och är inte medräknad."


def _asked(report: Report) -> list[Finding]:
    """Open questions about the books that concern the period, largest first."""
    return [
        f
        for f in report.evidence.open_findings
        if f.tier != "fel" and f.effect and report.first_period <= f.period <= report.period
    ]


def findings_apart(report: Report) -> str:
    """What is not told of one by one: findings of earlier years, and those that change no result; empty where there are none."""
    older = [f for f in report.evidence.open_findings if f.period < report.first_period]
    size = money(sum((abs(f.effect) for f in older), ZERO))
    sentences = [f"{_findings(len(older), 'öppet')} gäller tidigare år ({size} utan hänsyn till tecken)."] if older else []
    profiles, late = report.evidence.told_apart("PER-04"), report.evidence.told_apart("PER-10")
    parts = []
    if profiles:
        parts.append(f"{number(profiles)} {'budget' if profiles == 1 else 'budgetar'} vars fördelning inte följer verksamheten")
    if late:
        parts.append(f"{number(late)} {'bokning' if late == 1 else 'bokningar'} efter att perioden släppts")
    if parts:
        sentences.append(f"Åtgärdslistan tar också upp {listed(parts)}; det ändrar inte resultatet och räknas inte här.")
    return " ".join(sentences)


def _where(report: Report, found: Explained) -> list[str]:
    booked = {cause.unit for cause in found.causes if cause.kind == "nothing_booked"}
    parts = [
        (child.lines[found.line.key].deviation, child.name)
        for child in report.children
        if found.line.key in child.lines and child.name not in booked
    ]
    if len(report.children) < 2:
        return []
    same = sorted((part for part in parts if (part[0] > 0) == (found.amount > 0)), key=lambda part: -abs(part[0]))
    least = abs(found.amount) / 10
    chosen: list[tuple[Decimal, str]] = []
    for part in same[:3]:
        if abs(part[0]) < least or sum((abs(p[0]) for p in chosen), ZERO) >= abs(found.amount) * _UNIT_SHARE:
            break
        chosen.append(part)
    against = [part for part in parts if (part[0] > 0) != (found.amount > 0) and abs(part[0]) >= abs(found.amount) * _QUARTER]
    against = sorted(against, key=lambda part: -abs(part[0]))[:2]
    sentences = []
    if chosen:
        names = listed([f"{name} ({money(amount, sign=True)})" for amount, name in chosen])
        start = "I övrigt finns avvikelsen" if booked else "Avvikelsen finns"
        sentences.append(f"{start} främst hos {names}.")
    if against:
        names = listed([f"{name} ({money(amount, sign=True)})" for amount, name in against])
        sentences.append(f"Åt andra hållet drar {names}.")
    return sentences


def _when(report: Report, found: Explained) -> list[str]:
    months = report.series.get(found.line.key, [])
    if len(months) < 3:
        return []
    top = max(months, key=lambda month: month.deviation * (1 if found.amount > 0 else -1))
    if (top.deviation > 0) != (found.amount > 0) or abs(top.deviation) < abs(found.amount) * _MONTH_SHARE:
        return []
    month, rest = month_name(top.period), found.amount - top.deviation
    if abs(top.deviation) > abs(found.amount) / _KEPT:  # other months work the other way: say how much
        start = f"Månaderna drar åt olika håll: {month} {money(top.deviation, sign=True)}"
        return [f"{start}, de andra tillsammans {money(rest, sign=True)}."]
    return [f"Den uppstod till stor del i {month} ({money(top.deviation, sign=True)})."]


def _accounts(report: Report, found: Explained) -> list[str]:
    changes = [
        (account.outcome - account.previous, account)
        for account in report.accounts
        if account.line == found.line.key and account.previous is not None
    ]
    matching = [
        (change, account)
        for change, account in changes
        if (change > 0) == (found.amount > 0) and abs(change) >= abs(found.amount) * _QUARTER
    ]
    matching.sort(key=lambda item: -abs(item[0]))
    if not matching or found.share > _QUARTER * 2:  # the causes say more
        return []
    named = []
    for change, account in matching[:2]:
        word = "ökat" if (change > 0) == (account.outcome + (account.previous or ZERO) > 0) else "minskat"
        named.append(f"konto {account.account} {account.name} {word} med {money(change)}")
    year = int(report.period[:4]) - 1
    return [f"Jämfört med samma månader {year} har {listed(named)}."]


def _unexplained(found: Explained) -> list[str]:
    if not found.causes:
        return ["Data ger ingen orsak: hela avvikelsen är oförklarad."]
    left = found.unexplained
    if abs(left) < _LEAST:
        return ["Därmed är hela avvikelsen förklarad."]
    if abs(left) < abs(found.amount) / 20:
        return [f"Därmed är så gott som hela avvikelsen förklarad; oförklarat återstår {money(left, sign=True)}."]
    if abs(left) > abs(found.amount):
        why = "drar åt andra hållet" if (left > 0) == (found.amount > 0) else "är mer än dubbelt så stort som avvikelsen"
        return [f"Oförklarat återstår {money(left, sign=True)}, mer än själva avvikelsen, eftersom det kända {why}."]
    return [f"Oförklarat återstår {money(left, sign=True)} ({percent(abs(left) / abs(found.amount))})."]


def _questions(report: Report, found: Explained) -> list[str]:
    """What may lie behind the unexplained part: questions about the line's bookings, which count for nothing yet."""
    asked = [f for f in _asked(report) if f.line == found.line.key and (f.effect < 0) == (found.unexplained > 0)]
    total = -sum((f.effect for f in asked), ZERO)
    if abs(found.unexplained) < _LEAST or abs(total) < max(abs(found.unexplained) / 10, _LEAST):
        return []
    units = list(dict.fromkeys(f.unit_name for f in asked if f.unit != report.unit))
    where = f" hos {listed(units[:2])}{' med flera' if len(units) > 2 else ''}" if units else ""
    titles = listed([f"”{title}”" for title in list(dict.fromkeys(f.title for f in asked))[:2]])
    count = "en obesvarad fråga" if len(asked) == 1 else f"{number(len(asked))} obesvarade frågor"
    return [f"Till det oförklarade kan höra {count} om bokföringen på {money(total, sign=True)}{where} ({titles})."]


def _after(report: Report, explained: Sequence[Explained], shown: Sequence[Explained]) -> list[str]:
    sentences = []
    rest = explained[len(shown) :]
    if rest:
        names = listed([f"{found.line.label} ({money(found.amount, sign=True)})" for found in rest])
        sentences.append(f"Också {names} avviker väsentligt för perioden.")
    return sentences


def _unit_paragraphs(report: Report) -> list[Paragraph]:
    """One paragraph for each unit below that deviates; for the municipality and its committees, whose units are offices."""
    if report.level > 1 or len(report.children) < 2:
        return []
    chosen = []
    for child in report.children:
        net = child.lines.get("net")
        if net and (report.material(net.deviation, net.budget) or report.material(net.deviation_forecast, net.budget_year)):
            chosen.append((net, child))
    chosen.sort(key=lambda item: -abs(item[0].deviation))
    paragraphs = []
    for net, child in chosen[: report.options.max_deviations]:
        lines = [
            line for line in child.lines.values() if not line.is_total and abs(line.deviation) >= abs(net.deviation) * _QUARTER
        ]
        lines = sorted(lines, key=lambda line: -abs(line.deviation))[:3]
        sentences = []
        if lines:
            sentences.append(
                f"Störst är avvikelsen för {listed([f'{in_text(line)} ({money(line.deviation, sign=True)})' for line in lines])}."
            )
        if net.deviation_forecast is not None:
            sentences.append(f"Prognosen för helåret {_year_position(net)}.")
        else:
            sentences.append("Prognos saknas.")
        lead = f"{child.name} är {compared(net, net.deviation, cost=False)} för perioden{_of_budget(net.deviation, net.budget)}."
        paragraphs.append(Paragraph(lead, sentences, unit=child.code))
    return paragraphs


# Forecast


def _forecast_headline(report: Report) -> str:
    net = report.net
    if net.forecast is None or net.deviation_forecast is None:
        return "Någon prognos för helåret finns inte för perioden."
    if cost_form(report):
        return f"Prognosen för helåret är en nettokostnad på {money(net.forecast)}, {compared(net, net.deviation_forecast)}."
    return (
        f"Prognosen för helåret är ett resultat på {money(net.forecast, sign=True)}, "
        f"{compared(net, net.deviation_forecast, cost=False)}."
    )


def _forecast_where(report: Report) -> list[str]:
    """Which lines the forecast's deviation for the year lies on."""
    net = report.net.deviation_forecast
    if net is None or not report.material(net, report.net.budget_year):
        return []
    lines = [line for line in report.detail_lines() if abs(line.deviation_forecast or ZERO) >= max(abs(net) * _QUARTER, _LEAST)]
    lines.sort(key=lambda line: -abs(line.deviation_forecast or ZERO))
    names = listed([f"{in_text(line)} ({money(line.deviation_forecast or ZERO, sign=True)})" for line in lines[:3]])
    return [f"Helårets avvikelse ligger främst på {names}."] if lines else []


def _rate_sentence(report: Report, rate: Rate, subject: str = "Prognosen") -> str:
    """The monthly rate that the forecast implies for the rest of the year, against the rate so far."""
    change = rate.change
    if cost_form(report) and change is not None:
        if abs(change) < Decimal("0.005"):
            return f"{subject} förutsätter samma takt som hittills, {money(rate.so_far)} per månad."
        word = "ökar" if change > 0 else "minskar"
        return (
            f"{subject} förutsätter att nettokostnaden {word} från {money(rate.so_far)} per månad hittills till "
            f"{money(rate.implied)} per månad under resten av året ({percent(change, plus=True)})."
        )
    return (
        f"{subject} förutsätter ett resultat på {money(rate.implied, sign=True)} per månad under resten av året, mot "
        f"{money(rate.so_far, sign=True)} per månad hittills."
    )


def _drivers(report: Report, net: Rate) -> list[Rate]:
    """Return the lines that drive the change of the net's monthly rate, largest first."""
    rates = [rate for line in report.detail_lines() if (rate := report.rate(line))]
    direction = net.implied - net.so_far
    driving = [rate for rate in rates if (rate.implied - rate.so_far > 0) == (direction > 0)]
    driving = [rate for rate in driving if abs(rate.implied - rate.so_far) >= abs(direction) / 5]
    return sorted(driving, key=lambda rate: -abs(rate.implied - rate.so_far))


def _rate_change(rate: Rate) -> str:
    return f"{in_text(rate.line)}, {_from_to(rate)},"


def _from_to(rate: Rate) -> str:
    """Return 'från 1,3 mkr till 2,0 mkr per månad (+57 %)'."""
    change = f" ({percent(rate.change, plus=True)})" if rate.change is not None else ""
    cost = rate.line.kind == "cost" and rate.so_far <= 0 and rate.implied <= 0
    income = rate.line.kind == "income" and rate.so_far >= 0 and rate.implied >= 0
    before, after = (money(amount, sign=not (cost or income)) for amount in (rate.so_far, rate.implied))
    return f"från {before} till {after} per månad{change}"


def _forecast(report: Report) -> list[str]:
    net = report.net
    if net.forecast is None or net.deviation_forecast is None:
        return ["Någon prognos för helåret finns inte för perioden. Rapporten säger därför inget om helåret utöver budget."]
    first = [_forecast_headline(report)]
    if report.forecast_round and report.forecast_round != report.period:
        first.append(f"Prognosen lämnades per {month_year(report.forecast_round)}.")
    if not report.rest:
        difference = net.outcome - net.forecast
        word = "bättre" if difference > 0 else "sämre"
        first.append(f"Året är slut: utfallet blev {money(difference)} {word} än prognosen.")
        return [" ".join(first)]
    rate = report.rate(net)
    assert rate is not None
    second = [_rate_sentence(report, rate)]
    if rate.so_far:
        drivers = _drivers(report, rate)
        if drivers:
            word = (
                "Ändringen" if not cost_form(report) or rate.change is None else "Ökningen" if rate.change > 0 else "Minskningen"
            )
            where = listed([_rate_change(driver) for driver in drivers[:2]]).rstrip(",")
            second.append(f"{word} ligger främst på {where}.")
    return [" ".join(first), " ".join(second), _kept(report)]


def _kept(report: Report) -> str:
    """How much of the period's deviation the forecast keeps."""
    net = report.net
    year, period = net.deviation_forecast, net.deviation
    assert year is not None
    rest = year - period
    if abs(period) < _LEAST or abs(rest) < _LEAST:
        return ""
    word = "bättre" if rest > 0 else "sämre"
    start = f"Prognosen innebär att resten av året blir {money(rest)} {word} än budget för samma månader"
    if (year > 0) == (period > 0) and abs(year) < abs(period):
        return f"{start}: av periodens {_surplus(period)} finns {percent(year / period)} kvar vid årets slut."
    if (year > 0) != (period > 0) and abs(year) >= _LEAST:
        return f"{start}: periodens {_surplus(period)} byts mot ett {_surplus(year)} vid årets slut."
    return f"{start}."


def _forecast_lines(report: Report) -> list[str]:
    if report.net.forecast is None or not report.rest:
        return []
    material = {line.key for line in report.material_lines()[: report.options.max_deviations]}
    lines = [
        line
        for line in report.detail_lines()
        if line.deviation_forecast is not None
        and (line.key in material or report.material(line.deviation_forecast, line.budget_year, report.net.deviation_forecast))
    ]
    lines.sort(key=lambda line: -abs(line.deviation_forecast or ZERO))
    return [_line_forecast(line, line.deviation_forecast or ZERO, line.key in material) for line in lines]


def _line_forecast(line: LineFacts, year: Decimal, told: bool) -> str:
    """What the forecast says of a line, and (`told`: its deviation in the period has words above) what becomes of that."""
    period = line.deviation
    if abs(year) < max(_LEAST, abs(period) / 20):
        return f"{line.label} beräknas hamna på budget för helåret: periodens avvikelse väntas jämna ut sig."
    start = f"{line.label} beräknas bli {compared(line, year)} för helåret{_of_budget(year, line.budget_year)}"
    if not told:
        return f"{start}."
    if (year > 0) != (period > 0):
        return f"{start}: periodens avvikelse väntas vända."
    if abs(year) < abs(period) * _KEPT:
        return f"{start}: en del av periodens avvikelse väntas försvinna."
    return f"{start}: periodens avvikelse väntas {'växa' if abs(year) > abs(period) / _KEPT else 'bestå'}."


# Risk


def _risks(report: Report, explained: Sequence[Explained]) -> list[Paragraph]:
    risks = [
        _risk_of_deficit(report),
        _risk_of_rate(report),
        _risk_of_recovery(report),
        _risk_of_profile(report, explained),
        _risk_of_findings(report),
        _risk_without_forecast(report),
        _risk_old_forecast(report),
    ]
    return [risk for risk in risks if risk]


def _risk_of_deficit(report: Report) -> Paragraph | None:
    net = report.net
    if (
        not report.rest
        or net.deviation_forecast is None
        or net.deviation_forecast >= 0
        or not report.material(net.deviation_forecast, ZERO)
    ):
        return None
    minus = [line for line in report.detail_lines() if (line.deviation_forecast or ZERO) < 0]
    minus.sort(key=lambda line: line.deviation_forecast or ZERO)
    names = listed([f"{in_text(line)} ({money(line.deviation_forecast or ZERO, sign=True)})" for line in minus[:2]])
    ending = f" Störst del har {names}." if names else ""
    return Paragraph(
        f"Prognosen ligger {money(net.deviation_forecast)} sämre än budget för helåret",
        [f"Om budgeten ska hållas behövs åtgärder på det beloppet.{ending}"],
    )


def _straight(report: Report) -> Decimal:
    return report.net.outcome / report.months * 12


def _risk_of_rate(report: Report) -> Paragraph | None:
    net = report.net
    rate = report.rate(net)
    if rate is None or net.forecast is None:
        return None
    difference = _straight(report) - net.forecast
    volume = (
        abs(net.forecast)
        if rate.change is not None
        else sum((abs(line.forecast or ZERO) for line in report.detail_lines()), ZERO)
    )
    change = abs(rate.change) if rate.change is not None else abs(rate.implied - rate.so_far) * 12 / volume if volume else ZERO
    if change < report.options.forecast_jump:
        return None
    what = "nettokostnaden" if cost_form(report) else "resultatet"
    amount = money(_straight(report), sign=not cost_form(report))
    if difference > 0:
        lead = "Prognosen är försiktig jämfört med takten hittills"
        ending = "bättre än prognosen. Utfallet kan alltså bli bättre, om det som prognosen räknar med inte hinner genomföras"
    else:
        lead = "Prognosen kräver en bättre takt än hittills"
        ending = "sämre än prognosen. Det som ska ge den bättre takten behöver anges"
    return Paragraph(lead, [f"Med oförändrad takt skulle {what} för helåret bli {amount}, {money(difference)} {ending}."])


def _risk_of_recovery(report: Report) -> Paragraph | None:
    """Lines below budget in the period that the forecast lets recover."""
    found = []
    for line in report.detail_lines():
        rate = report.rate(line)
        if rate is None or line.deviation >= 0 or not report.material(line.deviation, line.budget, report.net.deviation):
            continue
        recovered = (line.deviation_forecast or ZERO) - line.deviation
        if recovered > abs(line.deviation) * _QUARTER:
            found.append((recovered, rate))
    found.sort(key=lambda item: -item[0])
    sentences = [f"{rate.line.label} ska ta igen {money(recovered)}, {_from_to(rate)}." for recovered, rate in found[:3]]
    lead = "Prognosen räknar med att det som hittills är sämre än budget tas igen under resten av året"
    return Paragraph(lead, sentences) if found else None


def _year_position(line: LineFacts) -> str:
    year = line.deviation_forecast or ZERO
    if abs(year) < _LEAST / 2:
        return "ligger på budget"
    return f"ligger {money(year)} {'bättre' if year > 0 else 'sämre'} än budget"


def _risk_of_profile(report: Report, explained: Sequence[Explained]) -> Paragraph | None:
    causes = [(found.line, cause) for found in explained if (cause := _profile_of(found))]
    effect = sum((cause.amount for _, cause in causes), ZERO)
    net = report.net.deviation
    if not causes or abs(effect) < max(abs(net) * report.options.cause_share, _LEAST):
        return None
    names = listed([in_text(line) for line, _ in causes])
    if (effect > 0) == (net > 0) and abs(effect) <= abs(net):
        text = f"{money(effect)} av periodens {_surplus(net)} är bara budgetens periodisering ({names})"
    else:
        word = "förbättrar" if effect > 0 else "försämrar"
        text = f"Budgetens periodisering ({names}) {word} periodens avvikelse med {money(effect)}"
    return Paragraph(
        "En del av avvikelsen är budgetens periodisering",
        [f"{text}; utan den skulle avvikelsen ha varit {money(net - effect, sign=True)}. Den delen säger inget om helåret."],
    )


def _risk_of_findings(report: Report) -> Paragraph | None:
    """What open errors and unanswered questions would do to the result, and to the forecast."""
    errors, asked = _errors(report), _asked(report)
    parts, sentences = [], []
    if errors:
        parts.append(f"{_findings(len(errors), 'öppet')} som inte är {'rättat' if len(errors) == 1 else 'rättade'}")
        sentences.append(_if_corrected(report, errors))
        year = sum((f.effect_year for f in errors if not f.is_internal), ZERO)
        if abs(year) >= _LEAST and report.rest:
            them = "det" if len(errors) == 1 else "dem"
            sentences.append(f"Helåret ändras med {money(year, sign=True)}, om prognosen inte redan räknar med {them}.")
        old = [f for f in errors if f.age >= 1]
        if old:
            again = "Det fanns" if len(errors) == 1 else "Alla fanns" if old == errors else f"{number(len(old))} av dem fanns"
            sentences.append(f"{again} redan i en tidigare rapport.")
    if asked:
        size = money(sum((abs(f.effect) for f in asked), ZERO))
        parts.append("1 obesvarad fråga" if len(asked) == 1 else f"{number(len(asked))} obesvarade frågor")
        several = f"Frågorna gäller sammanlagt {size} utan hänsyn till tecken och räknas inte som orsaker."
        sentences.append(f"Frågan gäller {size} och räknas inte som en orsak." if len(asked) == 1 else several)
    return Paragraph(f"Bokföringen har {' och '.join(parts)}", sentences) if parts else None


#: One, several, and whether a finding of the last report is that now (the finding then, now, the year's first month).
_NOW: tuple[tuple[str, str, Callable[[Finding, Finding | None, str], bool]], ...] = (
    ("rättat i bokföringen", "rättade i bokföringen", lambda then, now, year: now is not None and now.status == "corrected"),
    (
        "förklarat av verksamheten",
        "förklarade av verksamheten",
        lambda then, now, year: now is not None and now.status == "explained",
    ),
    ("fortfarande öppet", "fortfarande öppna", lambda then, now, year: now is not None and now.is_open),
    (
        "inte längre aktuellt, eftersom det gällde ett tidigare år",
        "inte längre aktuella, eftersom de gällde tidigare år",
        lambda then, now, year: (now is None and then.period < year) or (now is not None and now.status == "past"),
    ),
    (
        "borta ur data utan att vara rättat",
        "borta ur data utan att vara rättade",
        lambda then, now, year: now is None and then.period >= year,
    ),
)


def _followed_up(report: Report) -> list[str]:
    """What became of the findings of the last report: 'har åtgärdats' is checked, not taken on trust."""
    evidence = report.evidence
    if not evidence.has_findings:
        return []
    if not evidence.previous_period:
        return ["Det finns inga fynd från en tidigare rapport att följa upp."]
    month = month_year(evidence.previous_period)
    if not evidence.previous:
        return [f"Rapporten för {month} hade inga öppna fynd att följa upp."]
    counts = [
        (sum(test(then, now, report.first_period) for then, now in evidence.previous), one, several)
        for one, several, test in _NOW
    ]
    counted = listed([f"{number(count)} {one if count == 1 else several}" for count, one, several in counts if count])
    if len(evidence.previous) > 1 and sum(bool(count) for count, *_ in counts) == 1:
        counted = counted.replace(number(len(evidence.previous)), "alla", 1)
    return [f"Rapporten för {month} hade {_findings(len(evidence.previous), 'öppet')}. Nu är {counted}."]


def _risk_without_forecast(report: Report) -> Paragraph | None:
    units = report.without_forecast
    if not units:
        return None
    names = listed(units[:5]) + (f" med flera ({len(units)})" if len(units) > 5 else "")
    return Paragraph(
        f"{len(units)} {'enhet' if len(units) == 1 else 'enheter'} saknar prognos",
        [f"Prognos saknas för {names}; prognosen ovan innehåller inget belopp för {'den' if len(units) == 1 else 'dem'}."],
    )


def _risk_old_forecast(report: Report) -> Paragraph | None:
    if not report.rest or not report.forecast_round or report.forecast_round >= report.period:
        return None
    months = (
        (int(report.period[:4]) - int(report.forecast_round[:4])) * 12 + int(report.period[5:]) - int(report.forecast_round[5:])
    )
    return Paragraph(
        "Prognosen är äldre än utfallet",
        [f"Prognosen lämnades per {month_year(report.forecast_round)} och bygger inte på de {number(months)} senaste månaderna."]
        if months > 1
        else [f"Prognosen lämnades per {month_year(report.forecast_round)} och bygger inte på den senaste månaden."],
    )


def _risk_intro(report: Report, risks: Sequence[Paragraph]) -> list[str]:
    if not risks:
        return ["Data ger inget tecken på särskild osäkerhet i prognosen."]
    return ["Bedömningen bygger på siffrorna. Risker i verksamheten läggs till av den som ansvarar för rapporten."]
