"""Fixtures of the orchestration's tests: a PostgreSQL server."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from postgres_server import postgres_server


@pytest.fixture(scope="session")
def postgres_dsn() -> Iterator[str]:
    """Yield the connection string of a fresh server's administrator; skip where PostgreSQL is not installed."""
    with postgres_server() as dsn:
        yield dsn
