"""Bringing a database up to date."""

from __future__ import annotations

from functools import cache
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
    here, scripts = MigrationContext.configure(connection).get_current_revision(), _scripts()
    if here == scripts.get_current_head():
        return
    if here is not None and here not in {script.revision for script in scripts.walk_revisions()}:
        raise Refused(
            "database-too-new",
            f"The database was changed by a newer release of nbkeep (revision {here}).",
            "Install that release again, or restore the backup that was made before it.",
        )
    config = _config()
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(_SCRIPTS).replace("%", "%%"))
    return config


@cache
def _scripts() -> ScriptDirectory:
    """Return all revisions: read once, for they are files of the release."""
    return ScriptDirectory.from_config(_config())
