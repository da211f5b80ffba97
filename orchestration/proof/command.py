"""`avvik proof FILE [--text FILE]`: from files to the printed verdict and the exit code.

What belongs here: reading the two files and putting the parts together. What does not: the command line itself
(`orchestration.cli`).
"""

from __future__ import annotations

from pathlib import Path

from orchestration.errors import FileRejected, Place, Text, language
from orchestration.proof.arithmetic import prove
from orchestration.proof.claims import check_claims
from orchestration.proof.reading import MAX_BYTES, decode, read_printed_table
from orchestration.proof.rendering import render


def proof_of_file(
    path: Path | str, text: Path | str | None = None, lang: str | None = None, sheet: str | None = None
) -> tuple[str, int]:
    """Prove the table of a file and check a text against it; the text of `path` itself if it has one and no other is given.

    `sheet`: name or number of the sheet of an Excel file.

    Returns:
        The verdict to print, and the exit code: 0 no cell is impossible, 1 some is. Claims do not change it.

    Raises: FileRejected: a file cannot be used (the command then exits with 2), among other reasons 'nothing_to_prove': no
        totals and no differences were found in the table.
    """
    table = read_printed_table(path, sheet)
    proof = prove(table)
    if proof.exit_code == 2:
        raise FileRejected(
            "nothing_to_prove",
            Place(Path(path).name),
            Text(
                sv="Tabellen har varken summor eller differenser att pröva.",
                en="The table has neither totals nor differences to prove.",
            ),
        )
    running = table.text
    if text is not None:
        running = _text_of(Path(text))
    claims = check_claims(running, table, proof) if running.strip() else []
    return render(proof, claims, lang or language()), proof.exit_code


def _text_of(path: Path) -> str:
    """Return a text to check, without the table it may hold."""
    if not path.is_file():
        raise FileRejected("not_found", Place(path.name), Text(sv="Filen finns inte.", en="The file does not exist."))
    if path.stat().st_size > MAX_BYTES:
        raise FileRejected(
            "too_large", Place(path.name), Text(sv="Filen är större än 20 MB.", en="The file is larger than 20 MB.")
        )
    content = path.read_bytes()
    if content.startswith((b"%PDF", b"PK\x03\x04", b"\xd0\xcf\x11\xe0")):
        raise FileRejected("not_text", Place(path.name), Text(sv="Filen är inte en ren text.", en="The file is not plain text."))
    try:
        return read_printed_table(path).text or decode(content)
    except FileRejected as error:
        if error.code != "not_a_table":
            raise
        return decode(content)
