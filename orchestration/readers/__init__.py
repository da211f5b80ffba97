"""Readers: export files in, Arrow tables out. Pure functions of a file and a column map; no Dagster, no database.

What belongs here: everything that knows a file format. What does not: where files come from, where tables go
(`orchestration.ingest`), and what the rows mean for the follow-up (`dbt_project`).
"""
