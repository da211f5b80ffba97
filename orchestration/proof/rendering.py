"""The verdict as text for a terminal: `avvik proof`.

What belongs here: wording and order. What does not: any judgement; everything said here stands in `Proof` and `Claim`.
"""

from __future__ import annotations

from orchestration.errors import Text
from orchestration.proof.arithmetic import Check, Proof, WrongSet, show
from orchestration.proof.claims import FAULTS, Claim
from orchestration.proof.numbers import format_number

_VERDICTS = {
    "supported": Text(sv="stämmer", en="supported"),
    "wrong_number": Text(sv="FEL TAL", en="WRONG NUMBER"),
    "wrong_direction": Text(sv="FEL RIKTNING", en="WRONG DIRECTION"),
    "contradicted": Text(sv="MOTSÄGS", en="CONTRADICTED"),
    "unmatched_number": Text(sv="TAL UTAN MOTSVARIGHET", en="UNMATCHED NUMBER"),
    "not_supported": Text(sv="SAKNAR STÖD", en="NOT SUPPORTED"),
    "unexplained": Text(sv="OFÖRKLARAD AVVIKELSE", en="UNEXPLAINED DEVIATION"),
    "cannot_tell": Text(sv="kan inte avgöras", en="cannot tell"),
}
_SHOWN_SETS = 8


def render(proof: Proof, claims: list[Claim], lang: str = "sv") -> str:
    """Return the verdict on a table and its text, in Swedish ('sv') or English ('en')."""

    def say(sv: str, en: str) -> str:
        return sv if lang == "sv" else en

    table = proof.table
    unit = table.unit + (say(" (antaget)", " (assumed)") if table.unit_assumed else "")
    out = [
        say(
            f"{table.file}: {len(table.rows)} rader × {len(table.columns)} kolumner, {unit}",
            f"{table.file}: {len(table.rows)} rows × {len(table.columns)} columns, {unit}",
        ),
        "",
        *_verdict(proof, lang),
    ]
    if proof.structure.unconfirmed:
        out += ["", say("Stämmer inte med etiketterna:", "At odds with the labels:")]
        out += [f"  ! {_in(text, lang)}" for text in proof.structure.unconfirmed]
    if proof.warnings:
        out += ["", say("Varningar:", "Warnings:")]
        out += [f"  ! {_warning(proof, check, lang)}" for check in proof.warnings]
    rounding = [check for check in proof.checks if check.verdict == "rounding"]
    exact = sum(check.verdict == "exact" for check in proof.checks)
    out += [
        "",
        say(
            f"{len(proof.checks)} samband prövade: {exact} stämmer på enheten, {len(rounding)} skiljer inom avrundning, "
            f"{len(proof.warnings)} är osannolika, {len(proof.errors)} omöjliga.",
            f"{len(proof.checks)} relations tested: {exact} exact, {len(rounding)} within rounding, "
            f"{len(proof.warnings)} improbable, {len(proof.errors)} impossible.",
        ),
    ]
    out += [f"  {_gap(proof, check, lang)}" for check in rounding]
    out += ["", say("Så lästes tabellen:", "How the table was read:")]
    out += [f"  {_in(text, lang)}" for text in (*proof.structure.statements, *table.notes)]
    if claims:
        out += ["", *_claims(claims, lang)]
    return "\n".join(out) + "\n"


def _in(text: Text, lang: str) -> str:
    return text.sv if lang == "sv" else text.en


def _verdict(proof: Proof, lang: str) -> list[str]:
    def say(sv: str, en: str) -> str:
        return sv if lang == "sv" else en

    if proof.possible:
        if not proof.checks:
            return [
                say(
                    "INGET ATT PRÖVA: varken summor eller differenser hittades.",
                    "NOTHING TO PROVE: neither totals nor differences were found.",
                )
            ]
        text = say(
            "MÖJLIG: det finns orundade belopp som ger exakt den här tabellen.",
            "POSSIBLE: there are unrounded amounts that print exactly like this.",
        )
        return [text]
    best = proof.wrong_sets[0]
    count = len(best.cells)
    if proof.complete or len(proof.wrong_sets) > 1:
        out = [
            say(
                f"OMÖJLIG: minst {count} {'cell' if count == 1 else 'celler'} måste vara fel. "
                "Inga orundade belopp ger den här tabellen.",
                f"IMPOSSIBLE: at least {count} {'cell' if count == 1 else 'cells'} must be wrong. "
                "No unrounded amounts print like this.",
            )
        ]
    else:
        out = [
            say(
                f"OMÖJLIG: fler fel än som går att räkna upp; {count} celler räcker som förklaring, färre kan också göra det.",
                f"IMPOSSIBLE: more errors than can be listed; {count} cells suffice as an explanation, fewer may too.",
            )
        ]
    if len(proof.wrong_sets) == 1:
        out += ["", *_set(proof, best, lang)]
    else:
        many = f"{len(proof.wrong_sets)}" + ("" if proof.complete else say(" eller fler", " or more"))
        head = say(f"{many} lika små förklaringar.", f"{many} explanations of the same size.")
        head += (
            say(" Den troligaste:", " The likeliest:")
            if proof.decided
            else say(" Siffrorna skiljer dem inte åt:", " The numbers do not tell them apart:")
        )
        out += ["", head, *_set(proof, best, lang)]
        for number, other in enumerate(proof.wrong_sets[1:_SHOWN_SETS], 2):
            out += ["", say(f"Förklaring {number}:", f"Explanation {number}:"), *_set(proof, other, lang)]
        if len(proof.wrong_sets) > _SHOWN_SETS:
            out += [
                "",
                say(f"… och {len(proof.wrong_sets) - _SHOWN_SETS} till.", f"… and {len(proof.wrong_sets) - _SHOWN_SETS} more."),
            ]
    for headline in proof.headlines:
        name = proof.table.name(headline.cell)
        printed = format_number(headline.printed, lang, 1)
        ends = [format_number(end, lang, 1) for end in headline.corrected]
        corrected = ends[0] if ends[0] == ends[1] else f"{ends[0]}–{ends[1]}"
        if ends == [printed, printed]:
            text = say(f"Rubriken {printed} mkr står sig ({name}).", f"The headline {printed} mkr stands ({name}).")
        else:
            text = say(
                f"RUBRIKEN ÄNDRAS: {name}, {printed} mkr ska vara {corrected} mkr.",
                f"THE HEADLINE CHANGES: {name}, {printed} mkr should be {corrected} mkr.",
            )
        out += ["", text]
    return out


def _set(proof: Proof, found: WrongSet, lang: str) -> list[str]:
    def say(sv: str, en: str) -> str:
        return sv if lang == "sv" else en

    table = proof.table
    out = []
    for wrong in found.cells:
        name = table.name(wrong.cell)
        place = table.cells[wrong.cell].place.row
        role = say("grundorsak", "root cause") if wrong.root and len(found.cells) > 1 else ""
        if wrong.follows is not None:
            role = say(
                f"följdfel: summerad från {table.rows[wrong.follows[0]].label}",
                f"propagated: summed from {table.rows[wrong.follows[0]].label}",
            )
        printed = show(table, wrong.cell, wrong.printed, lang)
        text = f"  {name} ({say('rad', 'line')} {place}): {say('tryckt', 'printed')} {printed}, "
        if wrong.value is None or wrong.values is None:
            text += say("rätt värde kan inte bestämmas", "the right value cannot be determined")
        else:
            text += f"{say('ska vara', 'should be')} {show(table, wrong.cell, wrong.value, lang)}"
            low, high = wrong.values
            if low != high:
                ends = f"{show(table, wrong.cell, low, lang)} {say('till', 'to')} {show(table, wrong.cell, high, lang)}"
                text += say(f" (möjligt: {ends})", f" (possible: {ends})")
        details = [detail for detail in (role, _in(wrong.slip, lang) if wrong.slip else "") if detail]
        out.append(text + (f" [{'; '.join(details)}]" if details else ""))
    if found.reasons:
        out.append("  " + say("Varför: ", "Why: ") + "; ".join(_in(reason, lang) for reason in found.reasons) + ".")
    return out


def _gap(proof: Proof, check: Check, lang: str) -> str:
    name = proof.table.name(check.relation.target)
    sign = "+" if check.gap > 0 else ""
    across = check.relation.kind == "difference"
    against = ("differensen" if across else "summan") if lang == "sv" else ("the difference" if across else "the sum")
    return f"{name}: {sign}{format_number(check.gap, lang)} {'mot' if lang == 'sv' else 'against'} {against}"


def _warning(proof: Proof, check: Check, lang: str) -> str:
    text = _gap(proof, check, lang)
    terms = len(check.relation.terms)
    if check.verdict == "tie":
        more = Text(
            sv="möjligt bara om alla beloppen ligger exakt på en halv enhet",
            en="possible only if every amount lies at exactly half a unit",
        )
    else:
        share = [format_number(100 * _decimal(check.probability), code, 1) for code in ("sv", "en")]
        tested = sum(len(other.relation.terms) == terms for other in proof.checks)
        more = Text(
            sv=f"avrundning av {terms} termer ger så mycket med sannolikheten {share[0]} % ({tested} sådana summor prövade); "
            "en av cellerna är troligen fel med någon enhet",
            en=f"rounding of {terms} terms gives as much with probability {share[1]} % ({tested} such sums tested); "
            "one of the cells is probably off by a unit or two",
        )
    return f"{text}: {_in(more, lang)}."


def _decimal(number: float):
    from decimal import Decimal

    return Decimal(repr(number))


def _claims(claims: list[Claim], lang: str) -> list[str]:
    def say(sv: str, en: str) -> str:
        return sv if lang == "sv" else en

    faults = [claim for claim in claims if claim.fault]
    out = [
        say(
            f"Texten: {len(claims)} utsagor prövade mot tabellen, {len(faults)} att rätta eller förklara.",
            f"The text: {len(claims)} statements checked against the table, {len(faults)} to correct or explain.",
        )
    ]
    order = {verdict: index for index, verdict in enumerate((*FAULTS, "cannot_tell", "supported"))}
    for claim in sorted(claims, key=lambda found: (not found.fault, order[found.verdict], found.line or 10**9)):
        place = f"{say('rad', 'line')} {claim.line}: " if claim.line else ""
        out.append(
            f"  {_in(_VERDICTS[claim.verdict], lang)}: {place}{_in(claim.says, lang)}; "
            f"{say('tabellen', 'the table')}: {_in(claim.table, lang)}"
        )
        if claim.fault and claim.sentence:
            out.append(f"      {claim.sentence}")
    return out
