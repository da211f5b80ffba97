"""Proof of a printed follow-up table, and of the text that was written about it: `avvik proof FILE`.

What belongs here: pure functions from a file or a text to a verdict. What does not: Dagster, dbt, databases, and the making of
reports (`orchestration.report` calls `prove` on its own tables before it publishes them).

    table = read_printed_table(path)
    proof = prove(table)
    claims = check_claims(table.text, table, proof)
    print(render(proof, claims, "sv"))

The numerical library (scipy's HiGHS) is imported by the first `prove`, not by importing this package.
"""

from orchestration.proof.arithmetic import Proof, prove
from orchestration.proof.claims import Claim, check_claims
from orchestration.proof.command import proof_of_file
from orchestration.proof.model import PrintedTable
from orchestration.proof.reading import read_printed_table, table_from_grid, table_from_text
from orchestration.proof.rendering import render

__all__ = [
    "Claim",
    "PrintedTable",
    "Proof",
    "check_claims",
    "proof_of_file",
    "prove",
    "read_printed_table",
    "render",
    "table_from_grid",
    "table_from_text",
]
