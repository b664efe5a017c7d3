"""A session's own contents manager over the home of the test world: listings cost what they cost in a session."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, cast

from traitlets import default

from nbkeep_runtime.server.checkpoints import HomeCheckpoints
from nbkeep_runtime.server.contents import HomeContents
from nbkeep_runtime.server.home import Home
from nbkeep_runtime.server.trust import TrustStore

if TYPE_CHECKING:
    from jupyter_server.serverapp import ServerApp


class WorldContents(HomeContents):
    """`HomeContents` without the session around it."""

    @property
    def _place(self) -> str:
        return str(cast("ServerApp", self.parent).root_dir)

    @default("home")
    def _world_home(self) -> Home:
        return Home(Path(self._place), self._place)

    @default("trust")
    def _world_trust(self) -> TrustStore:
        return TrustStore(Path(tempfile.mkdtemp(dir=Path(self._place).parent)))

    @default("checkpoints_class")
    def _world_checkpoints(self) -> type[HomeCheckpoints]:
        return HomeCheckpoints
