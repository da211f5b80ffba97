"""Settings of the publication to PostgreSQL: section `[postgres]` of `avvik.toml`. Without it nothing is sent there.

What belongs here: names, defaults and descriptions of settings. What does not: using them (`postgres`).
"""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field, field_validator


class PostgresOptions(BaseModel):
    """Section `[postgres]` of `avvik.toml`: where the marts are published too."""

    model_config = ConfigDict(extra="forbid")

    dsn: str = Field(
        "",
        description="As PostgreSQL's tools take it, without password: 'host=db.example.se dbname=ekonomi user=avvik'. What it "
        "does not say comes from PGHOST, PGUSER, … The password comes from ~/.pgpass or PGPASSWORD",
    )
    schema_name: str = Field("marts", alias="schema", min_length=1, max_length=40, description="Schema that BI reads")
    reader: str = Field("avvik_reader", min_length=1, max_length=60, description="Role that may read it, and nothing more")

    @field_validator("dsn")
    @classmethod
    def _no_password(cls, value: str) -> str:
        from psycopg.conninfo import conninfo_to_dict

        if conninfo_to_dict(value).get("password"):
            raise ValueError("lösenordet hör hemma i ~/.pgpass eller PGPASSWORD / put the password in ~/.pgpass or PGPASSWORD")
        return value
