"""What tests of the command line share."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from nbkeep.people import tokens

if TYPE_CHECKING:
    import pytest

    from nbkeep.model.actor import Actor
    from office_parts import OfficeForTests


@dataclass(frozen=True)
class Result:
    """What a command left behind."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


Nbkeep = Callable[..., Result]


def be(office: OfficeForTests, actor: Actor, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the commands that follow be a person's, by a token of theirs instead of the operator's."""
    with office.store.write() as tx:
        _, secret = tokens.create_token(tx, office.clock, actor, "test", sorted(actor.scopes), 86400)
    hers = office.settings.data_dir / f"of-{actor.name}"
    if not hers.exists():
        (hers / "secrets").mkdir(parents=True)
        (hers / "run").symlink_to(office.settings.run_dir)
    (hers / "secrets/operator-token").write_text(secret)
    monkeypatch.setenv("NBKEEP_DATA", str(hers))
