"""Build images from lock files, and find the one that sessions use now.

An image is a virtual environment that all sessions share read-only, seen as /opt/nbkeep/image inside. It is
built beside the current one and becomes current by one rename, so that sessions never see half of it.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import tomllib
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import uv

from nbkeep.model.errors import Refused, Unavailable

from .layout import Layout, make_data_dir
from .states import saved_with

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

# Where every sandbox sees its image, whatever its digest.
IMAGE_IN_SANDBOX = Path("/opt/nbkeep/image")
# Raise when the way of building changes although no recipe does.
_BUILD_FORMAT = 1


def recipes_dir() -> Path:
    """Return the folder of recipes: in the installed package, or in the checkout that it is run from."""
    installed = Path(__file__).parents[2] / "_images"
    return installed if installed.is_dir() else Path(__file__).parents[4] / "images"


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def build_image(data_dir: Path, name: str, progress: Callable[[str], None] = _say) -> dict[str, Any]:
    """Make the image of recipe `name` current and return its image.json.

    `progress` is called with one sentence per step. Twice is safe and quick: the digest of recipe, lock and
    Python names the build. Raises `Refused` for an unknown recipe, `Unavailable` when packages cannot be had.
    """
    folder = Layout(data_dir.absolute()).image(name)
    recipe = recipes_dir() / name
    if not (recipe / "uv.lock").is_file():
        raise Refused("image-not-found", f"There is no recipe for an image {name!r}.",
                      f"Recipes are the folders of {recipes_dir()}.", status=404)  # fmt: skip
    try:
        make_data_dir(data_dir.absolute())
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise Refused("data-dir", f"{folder} cannot be made: {error.strerror}.",
                      "Choose a data directory of your own: NBKEEP_DATA.", status=409) from error  # fmt: skip
    with _only_builder(folder):
        python = _find_python(recipe, data_dir.absolute(), progress)
        digest = _digest(recipe, python)
        built = folder / digest
        before = folder / "current"
        if before.is_symlink() and (old := str(before.readlink())) != digest:
            _warn_of_states(saved_with(Layout(data_dir.absolute()), old), progress)
        if not (built / "image.json").is_file():
            _build(recipe, built, python, progress)
        else:
            progress(f"Image {name} is already built ({digest}).")
        _switch(folder, digest)
    return json.loads((built / "image.json").read_text())


def _warn_of_states(count: int, progress: Callable[[str], None]) -> None:
    if count:
        of = "1 session" if count == 1 else f"{count} sessions"
        progress(
            f"The variables of {of} were saved with the build of before. "
            "They cannot be brought back after this one: a resume starts without them, and says so."
        )


def current_image(data_dir: Path, name: str) -> Path:
    """Return the folder (env/, image.json) that a session starts from; it stays the same through a rebuild.

    Raises `Refused` (409) with the command that builds it when there is none.
    """
    link = Layout(data_dir).image(name) / "current"
    try:
        found = link.resolve(strict=True)
    except OSError:
        found = link
    if not (found / "image.json").is_file():
        raise Refused("image-missing", f"The image {name!r} is not built on this machine.",
                      f"Run `nbkeep image build {name}`.", status=409)  # fmt: skip
    return found


def current_images(data_dir: Path) -> dict[str, Path]:
    """Return the folders of all built images by name."""
    found: dict[str, Path] = {}
    for link in Layout(data_dir).images.glob("*/current"):
        folder = link.resolve()
        if (folder / "image.json").is_file():
            found[link.parent.name] = folder
    return found


def base_prefix(image: Path) -> Path:
    """Return the prefix of the interpreter that an image's environment stands on."""
    return Path(json.loads((image / "image.json").read_text())["base_prefix"])


@contextmanager
def _only_builder(folder: Path) -> Generator[None]:
    with (folder / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _uv(arguments: list[str], env: dict[str, str], failure: str) -> str:
    # sources and locks come from the recipe only: no uv.toml of whoever builds, no active environment
    clean = {key: value for key, value in os.environ.items() if key not in {"VIRTUAL_ENV", "PYTHONPATH"}}
    done = subprocess.run(
        [uv.find_uv_bin(), *arguments], env=clean | env, capture_output=True, text=True, check=False
    )
    if done.returncode:
        lines = done.stderr.strip().splitlines()
        raise Unavailable("image-build-failed", f"{failure}: {' '.join(lines[-4:])}",
                          "Check the network and the package index, then build again.")  # fmt: skip
    return done.stdout


def _find_python(recipe: Path, data_dir: Path, progress: Callable[[str], None]) -> Path:
    """Return a real interpreter of the recipe's version: ours, one of this host, or one that uv installs."""
    wanted = tomllib.loads((recipe / "pyproject.toml").read_text())["project"]["requires-python"]
    if re.fullmatch(rf"==3\.{sys.version_info.minor}\.\*", wanted):
        return Path(sys.base_prefix) / "bin" / f"python3.{sys.version_info.minor}"
    env = {"UV_PYTHON_INSTALL_DIR": str(data_dir / "python")}
    version = wanted.removeprefix("==").removesuffix(".*")
    progress(f"Looking for Python {version}…")
    if not _found(version, env):
        _uv(["python", "install", "--no-bin", version], env, f"Python {version} cannot be had")
    return Path(_uv(["python", "find", "--system", version], env, f"There is no Python {version}").strip())


def _found(version: str, env: dict[str, str]) -> bool:
    try:
        _uv(["python", "find", "--system", "--no-python-downloads", version], env, "")
    except Unavailable:
        return False
    return True


def _digest(recipe: Path, python: Path) -> str:
    content = hashlib.sha256(f"{_BUILD_FORMAT}\n{python.resolve()}\n".encode())
    for name in ("pyproject.toml", "uv.lock"):
        content.update((recipe / name).read_bytes())
    return content.hexdigest()[:16]


def _build(recipe: Path, built: Path, python: Path, progress: Callable[[str], None]) -> None:
    progress(f"Building image {recipe.name} ({built.name})…")
    made = Path(tempfile.mkdtemp(prefix=".build-", dir=built.parent))
    try:
        env = made / "env"
        # Relocatable: built here, used under IMAGE_IN_SANDBOX. Copied: no image changes with uv's cache.
        _uv(["venv", "--relocatable", "--python", str(python), str(env)], {}, "The environment was not made")
        progress("Downloading and installing the packages of the lock file…")
        _uv(
            ["sync", "--frozen", "--no-dev", "--project", str(recipe), "--link-mode", "copy",
             "--compile-bytecode"],
            {"UV_PROJECT_ENVIRONMENT": str(env)},
            "The packages were not installed",
        )  # fmt: skip
        _register_kernel(recipe, env)
        progress("Listing what is in it…")
        (made / "image.json").write_text(json.dumps(_describe(recipe.name, built.name, env), indent=1))
        _open_to_readers(made)
        shutil.rmtree(built, ignore_errors=True)
        made.rename(built)
    finally:
        shutil.rmtree(made, ignore_errors=True)


def _register_kernel(recipe: Path, env: Path) -> None:
    settings = tomllib.loads((recipe / "pyproject.toml").read_text())["tool"]["nbkeep"]
    spec = {
        "argv": [f"{IMAGE_IN_SANDBOX}/bin/python", "-m", "ipykernel_launcher", "-f", "{connection_file}"],
        "display_name": settings["display-name"],
        "language": "python",
        "metadata": {"debugger": True},
    }
    folder = env / "share/jupyter/kernels/python3"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "kernel.json").write_text(json.dumps(spec, indent=1))


def _describe(name: str, digest: str, env: Path) -> dict[str, Any]:
    code = "import platform, sys; print(platform.python_version()); print(sys.base_prefix)"
    python = subprocess.run(
        [env / "bin/python", "-I", "-c", code], capture_output=True, text=True, check=True
    )
    version, prefix = python.stdout.splitlines()
    listed = _uv(
        ["pip", "list", "--format", "json", "--python", str(env)], {}, "The packages cannot be listed"
    )
    return {
        "name": name,
        "digest": digest,
        "python": version,
        "base_prefix": prefix,
        "packages": [{"name": p["name"], "version": p["version"]} for p in json.loads(listed)],
        "built_at": datetime.now(UTC).isoformat(timespec="seconds"),
    }


def _open_to_readers(folder: Path) -> None:
    """Let every user's sandbox read the image, whatever the umask of whoever built it."""
    subprocess.run(["chmod", "-R", "a+rX,go-w", str(folder)], check=True)


def _switch(folder: Path, digest: str) -> None:
    link = folder / "current"
    if link.is_symlink() and str(link.readlink()) == digest:
        return
    fresh = folder / f".current-{os.getpid()}"
    fresh.unlink(missing_ok=True)
    fresh.symlink_to(digest)
    fresh.replace(link)
