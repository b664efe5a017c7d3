"""What JupyterHub reads at its start; every value comes from nbkeep's own settings."""

from typing import Any

from nbkeep.doors.hub.config import configure
from nbkeep.settings import Settings
from nbkeep.telemetry import traces

config: Any = get_config()  # noqa: F821  # pyright: ignore[reportUndefinedVariable, reportUnknownVariableType]  traitlets puts it here
settings = Settings.load()
configure(config, settings)
traces.switch_on(settings.traces_endpoint, "hub")
