"""Make Superset ready in one process: its own database, roles, the administrator, and the dashboards of a bundle.

Runs in Superset's environment (`.venv-bi`), not in avvik's: `python bootstrap.py BUNDLE.zip`. The administrator's password is
read from the file `admin_password` beside Superset's database.

What belongs here: what needs Superset's own code. What does not: files, secrets and processes (`orchestration.bi.server`).
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from zipfile import ZipFile

ADMINISTRATOR = "admin"


def main(bundle: Path) -> None:
    """Prepare Superset and import the bundle, whose charts and dashboards replace those of the same id."""
    from superset.app import create_app

    folder = Path(os.environ["AVVIK_BI_FOLDER"])
    with create_app().app_context():
        from flask_migrate import upgrade
        from superset import security_manager
        from superset.commands.importers.v1.assets import ImportAssetsCommand
        from superset.extensions import appbuilder
        from superset.utils.core import override_user

        upgrade(directory=str(_superset() / "migrations"))
        appbuilder.add_permissions(update_perms=True)
        security_manager.sync_role_definitions()
        password = (folder / "admin_password").read_text(encoding="utf-8").strip()
        user = security_manager.find_user(ADMINISTRATOR)
        if user is None:
            role = security_manager.find_role("Admin")
            user = security_manager.add_user(ADMINISTRATOR, "avvik", "admin", "admin@localhost", role, password=password)
        else:
            security_manager.reset_password(user.id, password)
        with ZipFile(bundle) as archive:
            contents = {name.split("/", 1)[1]: archive.read(name).decode("utf-8") for name in archive.namelist()}
        with override_user(user):
            ImportAssetsCommand(contents).run()


def _superset() -> Path:
    import superset

    return Path(superset.__file__).parent


if __name__ == "__main__":
    main(Path(sys.argv[1]))
