"""Bringing a database up to date."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from nbkeep.model.errors import Refused

if TYPE_CHECKING:
    from sqlalchemy import Connection

_SCRIPTS = Path(__file__).parent / "migrations"


def migrate(connection: Connection) -> None:
    """Apply what is missing, inside the caller's transaction. Twice is safe.

    Raises `Refused` for a database that a newer release has changed: going back needs a backup.
    """
    config = Config()
    config.set_main_option("script_location", str(_SCRIPTS).replace("%", "%%"))
    config.attributes["connection"] = connection
    here = MigrationContext.configure(connection).get_current_revision()
    scripts = ScriptDirectory.from_config(config)
    if here is not None and here not in {script.revision for script in scripts.walk_revisions()}:
        raise Refused(
            "database-too-new",
            f"The database was changed by a newer release of nbkeep (revision {here}).",
            "Install that release again, or restore the backup that was made before it.",
        )
    command.upgrade(config, "head")
