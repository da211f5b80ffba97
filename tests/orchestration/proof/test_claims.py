"""Claims: what the table decides is decided, what it does not is left alone."""

from __future__ import annotations

from decimal import Decimal

import pytest

from orchestration.proof import check_claims, prove, table_from_grid
from orchestration.proof.claims import _months, _sentences

GRID = [
    [
        "(tkr, intäkter (+), kostnader (-))",
        "Utfall perioden",
        "Budget perioden",
        "Avvik perioden",
        "Prognos helår",
        "Budget helår",
        "Avvik prognos",
    ],
    ["Externa intäkter", "300", "500", "-200", "2 000", "2 000", "0"],
    ["Interna intäkter", "250", "600", "-350", "2 400", "2 300", "100"],
    ["Summa intäkter", "550", "1 100", "-550", "4 400", "4 300", "100"],
    ["Personalkostnader", "-10 400", "-11 000", "600", "-44 700", "-45 400", "700"],
    ["Internhyror", "-2 200", "-2 200", "0", "-8 800", "-8 800", "0"],
    ["Övriga externa kostnader", "-4 800", "-7 000", "2 200", "-21 500", "-21 300", "-200"],
    ["Övriga interna kostnader", "-200", "-200", "0", "-700", "-700", "0"],
    ["Summa kostnader", "-17 600", "-20 400", "2 800", "-75 700", "-76 200", "500"],
    ["Netto", "-17 050", "-19 300", "2 250", "-71 300", "-71 900", "600"],
]
TABLE = table_from_grid(GRID, "t")


def check(text: str, kinds=("amount", "direction", "equality", "curve", "largest", "timing")):
    return [claim for claim in check_claims(text, TABLE, months=3) if claim.kind in kinds]


def verdicts(text: str):
    return [claim.verdict for claim in check(text)]


def faults(text: str):
    return [claim for claim in check(text) if claim.fault]


# The two printed reports (domain.md 1.3 and 6)


@pytest.fixture(scope="module")
def reports(shared):
    from orchestration.proof import read_printed_table

    out = {}
    for name in ("2015-03", "aug"):
        table = read_printed_table(shared / "published" / f"ekero_klk_{name}.txt")
        out[name] = check_claims(table.text, table)
    return out


def one(claims, **wanted):
    found = [claim for claim in claims if all(getattr(claim, key) == value for key, value in wanted.items())]
    assert len(found) == 1, [(c.kind, c.verdict, c.says.sv) for c in found]
    return found[0]


def test_march_2015_faults_are_exactly_the_known_ones(reports):
    found = [(c.kind, c.verdict, c.line, c.lines) for c in reports["2015-03"] if c.fault]
    assert found == [
        ("amount", "wrong_number", 14, ("net",)),
        ("direction", "not_supported", 16, ("other_external_cost",)),
        ("direction", "wrong_direction", 31, ("net",)),
        ("amount", "wrong_number", 31, ("net",)),
        ("curve", "not_supported", 35, ("other_external_cost",)),
        ("unexplained", "unexplained", None, ("internal_income",)),
    ]
    assert "2,1 mkr" in one(reports["2015-03"], line=14, kind="amount").table.sv
    assert one(reports["2015-03"], kind="curve").actual == Decimal("1663.5")
    assert one(reports["2015-03"], kind="unexplained").actual == 80
    assert "nettokostnaden" in one(reports["2015-03"], verdict="wrong_direction").table.sv


def test_march_2015_the_rest_is_supported_or_left_open(reports):
    claims = reports["2015-03"]
    stated = sorted(c.stated for c in claims if c.kind == "amount" and c.verdict == "supported")
    assert stated == [100, 400, 500, 500, 500, 17100, 71500, 71500, 75900]
    assert one(claims, kind="equality").verdict == "cannot_tell"  # a part of the internal income
    assert one(claims, kind="largest").verdict == "supported"
    assert one(claims, kind="timing").verdict == "supported"


def test_august_faults_are_exactly_the_known_ones(reports):
    claims = reports["aug"]
    found = [(c.kind, c.verdict, c.lines) for c in claims if c.fault]
    assert found == [
        ("amount", "unmatched_number", ("net",)),
        ("curve", "not_supported", ("other_external_cost",)),
        ("equality", "contradicted", ("personnel",)),
        ("unexplained", "unexplained", ("external_income",)),
        ("unexplained", "unexplained", ("internal_income",)),
        ("unexplained", "unexplained", ("other_internal_cost",)),
    ]
    assert one(claims, kind="curve").actual.quantize(Decimal("0.1")) == Decimal("-888.7")
    assert [c.actual for c in claims if c.kind == "unexplained"] == [338, 439, -434]
    assert one(claims, verdict="contradicted").actual == 1182
    assert one(claims, verdict="unmatched_number").stated == 600


def test_places_are_lines_of_the_file(reports, shared):
    lines = (shared / "published" / "ekero_klk_aug.txt").read_text(encoding="utf-8").split("\n")
    claim = one(reports["aug"], verdict="contradicted")
    assert claim.sentence[:12] in lines[claim.line - 1] + " " + lines[claim.line]


# What the table decides


@pytest.mark.parametrize(
    "text",
    [
        "Periodens nettokostnad uppgår till 17,1 mkr.",
        "Periodens nettokostnad uppgår till drygt 17 mkr.",
        "Periodens nettokostnad uppgår till ca 17 mkr.",
        "Periodens nettokostnad uppgår till 17\u00a0050 tkr.",
        "Utfallet för perioden är 17,1 mkr och visar 2,3 mkr i överskott.",
        "Prognosen för helåret är netto 71,3 mkr, vilket är 0,6 mkr lägre än budget.",
        "Personalkostnaderna för perioden är 0,6 mkr lägre än budget.",
        "Intäkterna för perioden är 0,6 mkr lägre än budget.",
    ],
)
def test_true_statements_are_supported(text):
    assert verdicts(text)
    assert set(verdicts(text)) == {"supported"}


@pytest.mark.parametrize(
    ("text", "verdict"),
    [
        ("Periodens nettokostnad uppgår till 17,3 mkr.", "wrong_number"),
        ("Periodens nettokostnad uppgår till 17 500 tkr.", "wrong_number"),
        ("Personalkostnaderna för perioden är 0,9 mkr lägre än budget.", "wrong_number"),
        ("Prognosen för helåret visar ett överskott på 0,8 mkr.", "wrong_number"),
        ("Prognosen visar ett underskott mot budget.", "wrong_direction"),
        ("Personalkostnaderna beräknas för helåret bli högre än budget.", "wrong_direction"),
        ("Periodens intäkter överstiger budget.", "wrong_direction"),
        ("Periodens resultat understiger budget.", "wrong_direction"),
        ("Personalkostnaderna för perioden är i linje med budget.", "contradicted"),
        ("Prognosen visar ett överskott med 0,6 mkr 0,9 mkr jämfört med årsbudget.", "unmatched_number"),
        ("Budget för övriga kostnader är periodiserad för lika ianspråktagande under året.", "not_supported"),
        ("Den främsta orsaken till periodens överskott är lägre personalkostnader.", "not_supported"),
    ],
)
def test_false_statements_are_found(text, verdict):
    assert [claim.verdict for claim in faults(text)] == [verdict]


@pytest.mark.parametrize(
    "text",
    [
        "Tekniska nämnden redovisar för perioden ett underskott på 1,4 mkr.",
        "Jämfört med föregående år ökade personalkostnaderna för perioden med 3,2 mkr.",
        "Kostnaden för projektet blev under perioden 3,4 mkr.",
        "En kostnad på 0,3 mkr belastar perioden.",
        "Det finns risk för högre personalkostnader än budget för helåret.",
        "Intäkter från statsbidrag uppgår för perioden till 0,2 mkr.",
        "Antalet ärenden för perioden är högre än budget.",
        "Antalet årsarbetare är i linje med budget.",
        "Inget underskott väntas för helåret.",
        "Investeringarna för perioden uppgår till 12,5 mkr.",
        "Målsättningen är att underskott ska täckas av andra enheter.",
        "Löneökningarna blev 0,9 mkr.",
        "Nettokostnaden minskade med 4,0 mkr mot året innan.",
        "Underskottet från 2014 på 1,2 mkr återställs. Perioden omfattar 2015. Prognosen för 2015 är 71,3 mkr netto.",
        "Personalkostnaderna hos räddningstjänsten är för perioden högre än budget.",
        "Nämnden fick 12 ansökningar, väg 261 byggs om och 10 års avtal tecknades den 3 mars 2015.",
    ],
)
def test_what_the_table_cannot_decide_is_no_fault(text):
    assert faults(text) == []


def test_an_undecided_table_accuses_no_sentence():
    grid = [["tkr", "Utfall perioden", "Budget perioden"], ["Personalkostnader", "-100", "-110"], ["Internhyror", "-50", "-50"]]
    grid += [["Övriga externa kostnader", "-30", "-40"], ["Summa kostnader", "-280", "-200"], ["Netto", "-280", "-200"]]
    table = table_from_grid(grid, "t")
    proof = prove(table)
    assert not proof.possible
    assert not proof.decided
    claims = check_claims("Periodens nettokostnad uppgår till 999 tkr.", table, proof)
    assert [claim.verdict for claim in claims if claim.kind == "amount"] in (["wrong_number"], ["cannot_tell"])


def test_unmentioned_deviations_are_reported_once_per_line_and_mentioned_ones_not():
    silent = [claim.lines[0] for claim in check_claims("Kontoret har haft öppet.", TABLE) if claim.kind == "unexplained"]
    assert silent == ["external_income", "internal_income", "personnel", "other_external_cost"]
    text = "Periodens lägre personalkostnader beror på vakanser. Prognosen innehåller lägre personalkostnader. "
    text += "Övriga kostnader: utredningar skjuts upp."
    silent = [claim.lines[0] for claim in check_claims(text, TABLE) if claim.kind == "unexplained"]
    assert silent == ["external_income", "internal_income"]


def test_ledger_sign_gives_the_same_verdicts():
    turned = [["(tkr, intäkter (-), kostnader (+))", *GRID[0][1:]]]
    for row in GRID[1:]:
        numbers = [str(-int(cell.replace(" ", ""))) if i not in (2, 5) else cell for i, cell in enumerate(row[1:])]
        turned.append([row[0], *numbers])
    table = table_from_grid(turned, "t")
    proof = prove(table)
    assert proof.possible
    assert proof.structure.sign_style == "ledger"
    text = "Periodens nettokostnad uppgår till 17,3 mkr. Intäkterna för perioden är 0,6 mkr lägre än budget. "
    text += "Prognosen visar ett underskott."
    assert [c.verdict for c in check_claims(text, table) if c.kind != "unexplained"] == [c.verdict for c in check(text)]


# Words


def test_sentences_keep_lines_and_join_wrapped_text():
    text = "Rubrik\n\nDet är s.k. text som\nfortsätter. Nästa mening här.\n\n- En punkt.\n- En till."
    assert [(s.text, s.line) for s in _sentences(text)] == [
        ("Rubrik", 1),
        ("Det är s.k. text som fortsätter.", 3),
        ("Nästa mening här.", 4),
        ("En punkt.", 6),
        ("En till.", 7),
    ]


@pytest.mark.parametrize(
    ("text", "months"),
    [
        ("Verksamhetsredovisning per mars 2015", 3),
        ("Årets första åtta månader", 8),
        ("per den 31 augusti", 8),
        ("januari–april", 4),
        ("jan-okt", 10),
        ("första kvartalet", 3),
        ("i mars antogs en policy", None),
    ],
)
def test_months_of_the_period(text, months):
    assert _months(text) == months
