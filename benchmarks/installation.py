"""nbkeep itself for a benchmark: an installation of its own on a free port, with one person signed in."""

# The installation and its people lie beside the tests:
# pyright: basic, reportMissingImports=false

from __future__ import annotations

import shutil
import sys
import tempfile
import time
from pathlib import Path

sys.path.append(str(Path(__file__).parents[1] / "tests"))

from typing import Self

from nbkeep.settings import Settings
from platform_parts import Person, Platform, Session, free_port

__all__ = ["Installation", "Session", "free_port"]


class Installation:
    """A context manager: starts nbkeep, and stops and removes it at the end.

    It borrows the built images of the machine's own installation, so that a run does not build them again.
    """

    person: Person

    def __init__(self, config: str = "") -> None:
        """Prepare it; `config` is its config.toml."""
        self.platform = Platform(Path(tempfile.mkdtemp(prefix="nbk", dir="/tmp")), free_port())
        self._config = config

    def __enter__(self) -> Self:
        """Start it, invite somebody, sign them in."""
        images = Settings.load().images_dir
        if not (images / "base/current").exists():
            raise SystemExit(
                "The image `base` is not built: run `make up` or `nbkeep image build base` first."
            )
        self.platform.data_dir.chmod(0o711)
        (self.platform.data_dir / "images").symlink_to(images)
        if self._config:
            (self.platform.data_dir / "config.toml").write_text(self._config)
        self.platform.up()
        self.person = self.platform.person()
        self.person.sign_in()
        return self

    def wait_until_warm(self) -> None:
        """Wait until nothing is being imported any more."""
        told = self.platform.data_dir / "run/parents/told.json"
        while not told.exists() or "MiB" not in told.read_text() or "importing" in told.read_text():
            time.sleep(0.2)
        time.sleep(2)  # wishes for kernels come with the office's next round
        while "importing" in told.read_text():
            time.sleep(0.2)

    def __exit__(self, *_: object) -> None:
        """Stop everything and remove it."""
        self.platform.down()
        shutil.rmtree(self.platform.data_dir, ignore_errors=True)
