"""nbkeep itself for a benchmark: an installation of its own on a free port, with one person signed in."""

# The installation and its people lie beside the tests:
# pyright: basic, reportMissingImports=false

from __future__ import annotations

import contextlib
import shutil
import sys
import tempfile
import time
from pathlib import Path

sys.path.append(str(Path(__file__).parents[1] / "tests"))

from typing import TYPE_CHECKING, Self

from nbkeep.settings import Settings
from platform_parts import Person, Platform, Session, free_port

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Installation", "Session", "built_images", "free_port", "images_with"]


def built_images() -> Path:
    """Return the folder of the machine's own images."""
    images = Settings.load().images_dir
    if not (images / "base/current").exists():
        raise SystemExit("The image `base` is not built: run `make up` or `nbkeep image build base` first.")
    return images


@contextlib.contextmanager
def images_with(packages: Path | None) -> Iterator[Path]:
    """Yield a folder of images: the machine's own, or a copy of `base` with more packages in it.

    `packages`: the site-packages of some other environment of the same Python. What `base` has, stays.
    """
    own = built_images()
    if packages is None:
        yield own
        return
    with tempfile.TemporaryDirectory(prefix="nbk-images", dir="/tmp") as folder:
        images = Path(folder)
        images.chmod(0o711)
        shutil.copytree(own / "base", images / "base", symlinks=True)
        (place,) = (images / "base/current/env/lib").glob("python*/site-packages")
        for one in packages.iterdir():
            if one.is_dir() and not (place / one.name).exists():
                shutil.copytree(one, place / one.name, symlinks=True)
            elif one.suffix == ".py" and not (place / one.name).exists():
                shutil.copy(one, place)
        yield images


class Installation:
    """A context manager: starts nbkeep, and stops and removes it at the end.

    It borrows the built images of the machine's own installation, so that a run does not build them again.
    """

    person: Person

    def __init__(self, config: str = "", images: Path | None = None) -> None:
        """Prepare it; `config` is its config.toml, `images` a folder of others than the machine's own."""
        self.platform = Platform(Path(tempfile.mkdtemp(prefix="nbk", dir="/tmp")), free_port())
        self._config = config
        self._images = images or built_images()

    def __enter__(self) -> Self:
        """Start it, invite somebody, sign them in."""
        self.platform.data_dir.chmod(0o711)
        (self.platform.data_dir / "images").symlink_to(self._images)
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
