"""NVIDIA's cards of this host: what they are, and which of them a session gets.

A session has the device files of its own cards and of no other. CUDA_VISIBLE_DEVICES is a wish, which its
code may change; a device file that is not there is a boundary.
"""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nbkeep.model.errors import Unavailable

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

_DEV = Path("/dev")
DEVICE_REMEDY = (
    "Load NVIDIA's driver (`nvidia-smi` makes the files), give them to the container that nbkeep runs in "
    "(`--gpus all`), or take the card out of `gpus` in config.toml; then restart nbkeep."
)
# What every card needs beside its own device file; these alone reach none.
_SHARED = ("nvidiactl", "nvidia-uvm", "nvidia-uvm-tools", "nvidia-modeset")


@dataclass(frozen=True)
class Card:
    """One card. `kind` is a word such as a100, or "" where no driver can be asked."""

    device: str
    kind: str


def find_cards() -> list[Card]:
    """Return the cards of this host, in the order of their numbers."""
    numbers = sorted(int(path.name.removeprefix("nvidia")) for path in _DEV.glob("nvidia[0-9]*"))
    kinds = _kinds() if numbers else {}
    return [Card(str(_DEV / f"nvidia{number}"), kinds.get(number, "")) for number in numbers]


def absent_devices(promised: Mapping[str, int], cards: Iterable[Card]) -> list[str]:
    """Return the device files that this machine lacks for the cards that it is said to have.

    >>> absent_devices({"a100": 2}, [Card("/dev/nvidia1", "")])
    ['/dev/nvidia0']
    """
    there = {card.device for card in cards}
    wanted = sum(promised.values())
    candidates = (str(_DEV / f"nvidia{number}") for number in range(wanted + len(there)))
    return [device for device in candidates if device not in there][: max(0, wanted - len(there))]


def choose_cards(
    cards: Iterable[Card], taken: Collection[str], kind: str, count: int, absent: Collection[str] = ()
) -> list[str]:
    """Return the devices of `count` free cards of a kind; one that nobody can name counts as any.

    Raises `Unavailable` when fewer are free: nothing is started with less than was promised. `absent` are
    device files of cards that are counted and not there: an admin's matter, and said so (gpu-device-missing).
    """
    fitting = [card for card in cards if card.kind in {kind, ""}]
    free = [card.device for card in fitting if card.device not in taken]
    if len(free) < count and len(fitting) < count and absent:
        raise Unavailable(
            "gpu-device-missing",
            f"Not started: needs {count} GPU {kind}, and this machine has no {', '.join(absent)}.",
            f"Ask an admin. {DEVICE_REMEDY}",
        )
    if len(free) < count:
        raise Unavailable(
            "no-capacity",
            f"Not started: needs {count} GPU {kind}; {len(free)} of {len(fitting)} are free on this machine.",
            "Stop a session that has one, or try again later.",
        )
    return free[:count]


def shared_devices() -> list[str]:
    """Return the device files that a session with any card needs, too."""
    return [str(_DEV / name) for name in _SHARED if (_DEV / name).exists()]


def counted() -> dict[str, int]:
    """Return how many cards of each kind the driver knows; none where there is no driver."""
    found: dict[str, int] = {}
    for kind in _kinds().values():
        found[kind] = found.get(kind, 0) + 1
    return found


def busy_percents() -> dict[str, int]:
    """Return how busy each card is, by its device file, as NVML measured it over the last second or less.

    Cards whose driver cannot tell, such as parts of one (MIG), are left out.
    """
    nvml: Any = importlib.import_module("pynvml")
    found: dict[str, int] = {}
    try:
        nvml.nvmlInit()
    except nvml.NVMLError:
        return found
    try:
        for index in range(nvml.nvmlDeviceGetCount()):
            try:
                card = nvml.nvmlDeviceGetHandleByIndex(index)
                number, percent = (
                    nvml.nvmlDeviceGetMinorNumber(card),
                    nvml.nvmlDeviceGetUtilizationRates(card).gpu,
                )
            except nvml.NVMLError:
                continue  # it has fallen off the bus, or is cut into parts: the others still count
            found[str(_DEV / f"nvidia{int(number)}")] = int(percent)
    except nvml.NVMLError:
        return found
    finally:
        nvml.nvmlShutdown()
    return found


def gpu_type(name: str) -> str:
    """Return the short type of a GPU.

    >>> gpu_type("NVIDIA A100-SXM4-40GB"), gpu_type("Tesla T4"), gpu_type("NVIDIA H100 80GB HBM3")
    ('a100', 't4', 'h100')
    """
    words = [
        word for word in name.lower().replace("-", " ").split() if word not in {"nvidia", "tesla", "geforce"}
    ]
    return words[0] if words else "unknown"


def _kinds() -> dict[int, str]:
    """Return the kind of each card by the number in its device's name, as NVML tells."""
    nvml: Any = importlib.import_module("pynvml")
    try:
        nvml.nvmlInit()
    except nvml.NVMLError:
        return {}
    try:
        handles = [nvml.nvmlDeviceGetHandleByIndex(index) for index in range(nvml.nvmlDeviceGetCount())]
        return {
            int(nvml.nvmlDeviceGetMinorNumber(handle)): gpu_type(str(nvml.nvmlDeviceGetName(handle)))
            for handle in handles
        }
    finally:
        nvml.nvmlShutdown()
