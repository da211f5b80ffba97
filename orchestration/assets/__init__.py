"""The assets, one module a stage: `raw` (inbox to raw tables), `warehouse` (dbt), `published` (what BI reads).

What belongs here: wrapping the pure functions of `ingest`, `dbt_runner` and `publish` for Dagster: keys, groups, descriptions,
checks, metadata. What does not: the work itself, and when it runs (`automation`).
"""
