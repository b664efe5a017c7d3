"""Refusals beside the field that they are about."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from nbkeep.model.errors import NbkeepError


def field_errors(error: NbkeepError) -> dict[str, str]:
    """Return {field: sentence} for a refusal of one field, else {"": sentence, "remedy": …} for the form.

    >>> from nbkeep.model.errors import invalid
    >>> field_errors(invalid("idle_stop", "'x' is not a duration.", "Write it like 15min."))
    {'idle_stop': "'x' is not a duration. Write it like 15min."}
    """
    if error.code.startswith("invalid-"):
        return {error.code.removeprefix("invalid-").replace("-", "_"): str(error)}
    return {"": error.message, "remedy": error.remedy}
