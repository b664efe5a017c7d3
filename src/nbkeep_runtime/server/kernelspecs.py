"""Finds kernels: those of the session's image, and those that the user installed in the home.

A kernelspec is data. Its command runs in the sandbox whatever it says; `metadata.kernel_provisioner`, which
would name Python code to load into this process, is dropped.
"""

# pyright: reportUnknownMemberType=false

from __future__ import annotations

import os
import re
import stat
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import orjson
from jupyter_client.kernelspec import KernelSpec, KernelSpecManager, NoSuchKernel
from traitlets import Instance, default

from nbkeep_runtime.server.home import Home
from nbkeep_runtime.server.settings import ServerSettings

if TYPE_CHECKING:
    from collections.abc import Mapping

_NAME = re.compile(r"[A-Za-z0-9._-]{1,64}")
_HOME_FOLDER = ".local/share/jupyter/kernels"
_SPEC_LIMIT = 256 * 1024
_LOGO_LIMIT = 1024 * 1024
_SPECS_LIMIT = 100
_LOGOS = ("logo-32x32.png", "logo-64x64.png", "logo-svg.svg")
# Behaves as ipykernel's own launcher, and keeps variables when it is asked to.
KERNEL = "/opt/nbkeep/sandbox/kernel.py"
_LAUNCHER = "ipykernel_launcher"
_PYTHON = re.compile(r"python(\d(\.\d+)?)?")


class SessionKernelSpecs(KernelSpecManager):
    """The kernels of one session. The image's names win over the home's, so none can be hidden."""

    home = Instance(Home)
    settings = Instance(ServerSettings)

    @default("home")
    def _home(self) -> Home:
        return self.parent.home  # type: ignore[union-attr]

    @default("settings")
    def _settings(self) -> ServerSettings:
        return self.parent.session_settings  # type: ignore[union-attr]

    def find_kernel_specs(self) -> dict[str, str]:
        """Return names and the folders that their logos are served from."""
        found = {name: str(self._image_folder / name) for name in self._image_names()}
        for name in self._home_names():
            found.setdefault(name, str(self._logos(name)))
        return found

    def get_kernel_spec(self, kernel_name: str) -> KernelSpec:
        """Return one kernelspec; raises `NoSuchKernel` for unknown and malformed ones."""
        if not _NAME.fullmatch(kernel_name):
            raise NoSuchKernel(kernel_name)
        try:
            if kernel_name in self._image_names():
                folder = self._image_folder / kernel_name
                spec = _checked((folder / "kernel.json").read_bytes(), str(folder))
                spec.argv = self._of_image(spec.argv)
                return spec
            folder = self._logos(kernel_name)
            return _checked(self._read(kernel_name, "kernel.json", _SPEC_LIMIT), str(folder))
        except (OSError, ValueError) as error:
            self.log.warning("Kernelspec %s is unusable: %s", kernel_name, error)
            raise NoSuchKernel(kernel_name) from error

    def get_all_specs(self) -> dict[str, Any]:
        """Return all usable kernelspecs; a malformed one is left out and logged."""
        specs: dict[str, Any] = {}
        for name, folder in self.find_kernel_specs().items():
            try:
                specs[name] = {"resource_dir": folder, "spec": self.get_kernel_spec(name).to_dict()}
            except NoSuchKernel:
                continue
        return specs

    def remove_kernel_spec(self, name: str) -> str:
        """Refuse: the server removes nothing on behalf of the API."""
        raise NoSuchKernel(name)

    @property
    def _image_folder(self) -> Path:
        return self.settings.image / "share/jupyter/kernels"

    def _image_names(self) -> list[str]:
        try:
            return sorted(entry.name for entry in self._image_folder.iterdir() if _NAME.fullmatch(entry.name))
        except OSError:
            return []

    def _home_names(self) -> list[str]:
        try:
            with self.home.folder(_HOME_FOLDER) as folder:
                names = sorted(filter(_NAME.fullmatch, os.listdir(folder)))[:_SPECS_LIMIT]  # noqa: PTH208  # by descriptor
        except OSError:
            return []
        return [name for name in names if self._is_there(name)]

    def _is_there(self, name: str) -> bool:
        try:
            return stat.S_ISREG(self.home.stat(f"{_HOME_FOLDER}/{name}/kernel.json").st_mode)
        except OSError:
            return False

    def _read(self, name: str, file: str, limit: int) -> bytes:
        fd = self.home.open_file(f"{_HOME_FOLDER}/{name}/{file}")
        with os.fdopen(fd, "rb") as opened:
            raw = opened.read(limit + 1)
        if len(raw) > limit:
            raise ValueError(f"{file} is larger than {limit} bytes")
        return raw

    def _logos(self, name: str) -> Path:
        """Copy a home kernel's pictures out of the home, because Jupyter Server serves them by host path."""
        folder = self.settings.server_dir / "kernelspecs" / name
        folder.mkdir(parents=True, exist_ok=True)
        for logo in _LOGOS:
            try:
                (folder / logo).write_bytes(self._read(name, logo, _LOGO_LIMIT))
            except (OSError, ValueError):
                (folder / logo).unlink(missing_ok=True)
        return folder

    def _of_image(self, argv: list[str]) -> list[str]:
        """Point a Python kernel of the image to the image's interpreter, and to nbkeep's launcher."""
        if not _PYTHON.fullmatch(Path(argv[0]).name):
            return argv
        words = [f"{self.settings.image_inside}/bin/python", *argv[1:]]
        if words[1:-1].count(_LAUNCHER) == 1 and words[words.index(_LAUNCHER) - 1] == "-m":
            at = words.index(_LAUNCHER)
            words[at - 1 : at + 1] = [KERNEL]
        return words


def _checked(raw: bytes, folder: str) -> KernelSpec:
    """Return the spec that a kernel.json holds; raises ValueError saying what is wrong."""
    loaded: Any = orjson.loads(raw)
    if not isinstance(loaded, dict):
        raise ValueError("kernel.json holds no object")
    spec = cast("dict[str, Any]", loaded)
    argv: Any = spec.get("argv")
    if (
        not isinstance(argv, list)
        or not argv
        or not all(isinstance(arg, str) for arg in cast("list[Any]", argv))
    ):
        raise ValueError("argv must be a list of strings")
    metadata = dict(_mapping(spec, "metadata"))
    metadata.pop("kernel_provisioner", None)
    return KernelSpec(
        argv=argv,
        display_name=str(spec.get("display_name", ""))[:100],
        language=str(spec.get("language", ""))[:100],
        env={str(key): str(value) for key, value in _mapping(spec, "env").items()},
        interrupt_mode="message" if spec.get("interrupt_mode") == "message" else "signal",
        metadata=metadata,
        resource_dir=folder,
    )


def _mapping(spec: dict[str, Any], key: str) -> Mapping[str, Any]:
    value: Any = spec.get(key, {})
    if not isinstance(value, dict):
        raise ValueError(f"{key} must be an object")
    return cast("dict[str, Any]", value)
