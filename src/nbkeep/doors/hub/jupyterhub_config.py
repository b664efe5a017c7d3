"""What JupyterHub reads at its start; every value comes from nbkeep's own settings."""

from typing import Any

from nbkeep.doors.hub.config import configure
from nbkeep.settings import Settings

get_config: Any  # traitlets puts it here

configure(get_config(), Settings.load())
