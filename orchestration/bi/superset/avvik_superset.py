"""Superset as gunicorn starts it (`avvik_superset:create()`), made ready first where it or its dashboards are new.

Runs in Superset's environment (`.venv-bi`), not in avvik's. One process does both: to load Superset is what takes time. What it
needs lies in the folder `AVVIK_BI_FOLDER`: `admin_password`, the bundle `dashboards.zip`, and `wanted`, the state to come to.

What belongs here: what needs Superset's own code. What does not: files, secrets and processes (`orchestration.bi.server`).
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING
from zipfile import ZipFile

if TYPE_CHECKING:
    from flask import Flask

ADMINISTRATOR = "admin"


def create() -> Flask:
    """Return the application, ready to answer."""
    from superset.app import create_app

    folder = Path(os.environ["AVVIK_BI_FOLDER"])
    application = create_app()
    wanted, done = (folder / "wanted").read_text(encoding="utf-8"), folder / "imported"
    if not done.exists() or done.read_text(encoding="utf-8") != wanted:
        with application.app_context():
            _prepare(folder)
        done.write_text(wanted, encoding="utf-8")
    return application


def _prepare(folder: Path) -> None:
    """Bring Superset's database, roles and administrator up to date; the bundle's charts and dashboards replace their own."""
    import superset
    from flask_migrate import upgrade
    from superset import security_manager
    from superset.commands.importers.v1.assets import ImportAssetsCommand
    from superset.extensions import appbuilder
    from superset.utils.core import override_user

    upgrade(directory=str(Path(superset.__file__).parent / "migrations"))
    appbuilder.add_permissions(update_perms=True)
    security_manager.sync_role_definitions()
    password = (folder / "admin_password").read_text(encoding="utf-8").strip()
    user = security_manager.find_user(ADMINISTRATOR)
    if user is None:
        role = security_manager.find_role("Admin")
        user = security_manager.add_user(ADMINISTRATOR, "avvik", "admin", "admin@localhost", role, password=password)
    else:
        security_manager.reset_password(user.id, password)
    with ZipFile(folder / "dashboards.zip") as archive:
        contents = {name.split("/", 1)[1]: archive.read(name).decode("utf-8") for name in archive.namelist()}
    with override_user(user):
        ImportAssetsCommand(contents).run()
