"""Users' homes: an XFS image file per home where root can mount one, a plain folder otherwise.

An XFS image limits what a home can hold, grows while it is in use, and is mounted without devices and set-id
bits. It is mounted while a session of its user is there. Mounts belong to the host, so they outlive the
warden.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from nbkeep.backends.interface import Volume
from nbkeep.model.errors import Refused, Unavailable, not_found
from nbkeep.model.units import format_size

from . import scratch
from .layout import Layout, make_dir

# mkfs.xfs refuses anything smaller (xfsprogs 6).
_SMALLEST_XFS_BYTES = 300 << 20
_TOOLS = ("mkfs.xfs", "xfs_growfs", "mount", "umount", "losetup")


@dataclass(frozen=True)
class Homes:
    """All homes of one data directory."""

    layout: Layout

    @cached_property
    def can_limit(self) -> bool:
        """Whether homes are XFS images here: root, the tools, and loop devices."""
        return why_no_images() == ""

    def open(self, user: str, size_bytes: int, owner: int) -> Path:
        """Return a home that is there, mounted and owned by `owner`; made if it never was. Twice is safe.

        Raises `Unavailable` (volume-offline) when it cannot be mounted: a session must not write below it.
        """
        make_dir(self.layout.homes, 0o711)
        home, image = self.layout.home(user), self.layout.home_image(user)
        if image.exists() or (self.can_limit and not home.exists()):
            if not image.exists():
                _make_image(image, max(size_bytes, _SMALLEST_XFS_BYTES))
            self._mount(home, image)
        if not home.exists():
            home.mkdir()
        if home.stat().st_uid != owner:
            os.chown(home, owner, owner)
            home.chmod(0o700)
        return home

    def _mount(self, home: Path, image: Path) -> None:
        home.mkdir(exist_ok=True)
        if not home.is_mount():
            # Closed underneath: should the mount ever be missing, nothing is written in its place.
            home.chmod(0o000)
            _run(
                ["mount", "-o", "loop,nodev,nosuid", str(image), str(home)],
                "volume-offline",
                f"The home of {home.name} cannot be mounted",
                "Run `nbkeep doctor` and look at the host's log.",
            )
            # It may have been resized while it was at rest; nothing happens when it was not.
            _run(["xfs_growfs", str(home)], "volume-offline", "The file system did not grow", "Try again.")

    def wake(self, user: str) -> None:
        """Mount a home that rests, so that it can be looked into. Twice is safe; plain folders never rest."""
        home, image = self.layout.home(user), self.layout.home_image(user)
        if image.exists():
            self._mount(home, image)

    def rest(self, user: str) -> bool:
        """Unmount a home; its loop device goes with it. False while a process of the host is inside it."""
        command = ["umount", str(self.layout.home(user))]
        return subprocess.run(command, capture_output=True, check=False).returncode == 0

    def awake(self) -> set[str]:
        """Return the users whose homes are mounted now."""
        parent = os.path.realpath(self.layout.homes)
        points = (line.split(" ", 5)[4] for line in Path("/proc/self/mountinfo").read_text().splitlines())
        # proc_pid_mountinfo(5): spaces and their like are written as three octal digits
        paths = (Path(re.sub(r"\\(\d{3})", lambda found: chr(int(found[1], 8)), point)) for point in points)
        return {path.name for path in paths if str(path.parent) == parent}

    def volume(self, user: str) -> Volume | None:
        """Return a home's size and use, or None when it was never made. 0 means no limit but the disk's."""
        home, image = self.layout.home(user), self.layout.home_image(user)
        if not home.exists() and not image.exists():
            return None
        if not image.exists():
            free = shutil.disk_usage(home)
            return Volume("folder", 0, 0, free.free)
        if not home.is_mount():
            # At rest: what the file occupies on the host's disk is at most what is used inside.
            size, used = image.stat().st_size, image.stat().st_blocks * 512
            return Volume("xfs", size, min(used, size), max(0, size - used))
        inside = os.statvfs(home)
        total, free = inside.f_blocks * inside.f_frsize, inside.f_bavail * inside.f_frsize
        return Volume("xfs", image.stat().st_size, total - free, free)

    def resize(self, user: str, size_bytes: int) -> Volume:
        """Grow a home, mounted or not; the same size again is safe. Raises `Refused` for a smaller size."""
        home, image = self.layout.home(user), self.layout.home_image(user)
        now = self.volume(user)
        if now is None:
            raise not_found("volume", user)
        if now.kind == "folder":
            raise Refused(
                "volume-unlimited",
                "Homes are plain folders on this host and have no size of their own.",
                "Run nbkeep as root to give homes a size; see `nbkeep doctor`.",
                status=409,
            )
        if size_bytes < now.size_bytes:
            raise Refused(
                "volume-shrink",
                f"The home of {user} has {format_size(now.size_bytes)}; XFS cannot shrink.",
                "Choose a larger size.",
                status=409,
            )
        if size_bytes > now.size_bytes:
            os.truncate(image, size_bytes)
        if home.is_mount():
            _grow(home, image)
        return self.volume(user) or now

    def delete(self, user: str) -> None:
        """Delete a home for good. Twice is safe."""
        home, image = self.layout.home(user), self.layout.home_image(user)
        if home.is_mount():
            _run(
                ["umount", str(home)],
                "volume-busy",
                f"The home of {user} is in use",
                "Stop its sessions first.",
            )
        image.unlink(missing_ok=True)
        scratch.remove(home)


def why_no_images() -> str:
    """Return why homes cannot be XFS images here, or ""."""
    if os.geteuid() != 0:
        return "nbkeep does not run as root"
    missing = [tool for tool in _TOOLS if shutil.which(tool) is None]
    if missing:
        return f"{', '.join(missing)} not installed"
    if not Path("/dev/loop-control").exists():
        return "this host has no loop devices"
    return "" if _knows_xfs() else "this kernel does not know XFS"


def _knows_xfs() -> bool:
    with Path("/proc/filesystems").open() as known:
        if any(line.split()[-1] == "xfs" for line in known):
            return True
    tool = shutil.which("modprobe")
    return (
        tool is not None and subprocess.run([tool, "xfs"], capture_output=True, check=False).returncode == 0
    )


def _make_image(image: Path, size_bytes: int) -> None:
    fresh = image.with_suffix(".new")
    with fresh.open("wb") as file:
        os.truncate(file.fileno(), size_bytes)
    fresh.chmod(0o600)
    _run(
        ["mkfs.xfs", "-q", "-f", str(fresh)],
        "volume-offline",
        "A new home cannot be formatted",
        "Check the disk.",
    )
    fresh.replace(image)


def _grow(home: Path, image: Path) -> None:
    """Tell the loop device and the file system that the file has grown."""
    listed = _run(
        ["losetup", "--noheadings", "--output", "NAME", "--associated", str(image)],
        "volume-offline",
        "The home's loop device cannot be found",
        "Check `losetup`.",
    )
    for device in listed.split():
        _run(
            ["losetup", "--set-capacity", device],
            "volume-offline",
            "The loop device did not grow",
            "Try again.",
        )
    _run(["xfs_growfs", str(home)], "volume-offline", "The file system did not grow", "Try again.")


def _run(command: list[str], code: str, what: str, remedy: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        lines = done.stderr.strip().splitlines()
        raise Unavailable(code, f"{what}: {lines[-1] if lines else 'no reason given'}.", remedy)
    return done.stdout
