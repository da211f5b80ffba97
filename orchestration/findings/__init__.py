"""Findings: what a good controller would have noticed in the ledger, with the evidence and the amount.

`engine.find` runs one close. Stages: lines and series (`sql/`), `series` (cadence, price), `register` (agreements), `matching`
(expected
against booked), `signals` and `exact` (rules), `cases` (one cause, one finding).
"""
