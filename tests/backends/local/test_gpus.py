"""A session has the devices of its own cards only, and no card is given twice, also not by a later warden."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace

import pytest

from nbkeep.backends.interface import LaunchSpec
from nbkeep.backends.local.backend import LocalBackend
from nbkeep.backends.local.gpus import Card, absent_devices, busy_percents, choose_cards
from nbkeep.model.errors import Unavailable
from nbkeep.model.ids import new_id
from sandboxes import WAITS, Init, images, why_not

TWO = [Card("/dev/nvidia0", "a100"), Card("/dev/nvidia1", "a100"), Card("/dev/nvidia2", "t4")]
# Devices that stand for cards: present on most hosts, and never in a sandbox of its own accord.
STAND_INS = [path for name in ("kmsg", "fuse", "loop-control", "hpet", "vsock", "kvm", "rtc0")
             if (path := Path("/dev") / name).exists()]  # fmt: skip


def test_cards_of_the_kind_that_are_free_are_chosen() -> None:
    assert choose_cards(TWO, set(), "a100", 2) == ["/dev/nvidia0", "/dev/nvidia1"]
    assert choose_cards(TWO, {"/dev/nvidia0"}, "a100", 1) == ["/dev/nvidia1"]
    assert choose_cards(TWO, set(), "t4", 1) == ["/dev/nvidia2"]
    assert choose_cards([Card("/dev/nvidia0", "")], set(), "a100", 1) == ["/dev/nvidia0"]


def test_too_few_free_cards_are_told_in_numbers() -> None:
    with pytest.raises(Unavailable, match="needs 2 GPU a100; 1 of 2 are free") as refusal:
        choose_cards(TWO, {"/dev/nvidia1"}, "a100", 2)
    assert refusal.value.code == "no-capacity"


def test_a_card_that_is_counted_and_has_no_device_file_is_an_admin_s_matter() -> None:
    with pytest.raises(Unavailable, match="no /dev/nvidia0") as refusal:
        choose_cards([], set(), "a100", 1, absent_devices({"a100": 1}, []))
    assert refusal.value.code == "gpu-device-missing"
    assert "config.toml" in refusal.value.remedy
    with pytest.raises(Unavailable, match="0 of 2 are free"):  # they are there, and taken
        choose_cards(TWO, {"/dev/nvidia0", "/dev/nvidia1"}, "a100", 1, ["/dev/nvidia3"])


@pytest.mark.skipif(Path("/dev/nvidia0").exists(), reason="this host has a card")
def test_a_declared_card_is_promised_and_its_launch_says_which_file_is_missing(data_dir: Path) -> None:
    backend = LocalBackend(data_dir, server_module="timeit", gpus={"a100": 1})
    assert backend.capacity().gpus == {"a100": 1}
    session = spec()
    with pytest.raises(Unavailable, match="this machine has no /dev/nvidia0"):
        backend.launch(session)
    assert backend.status(session.session_id) is None


class NvmlError(Exception):
    pass


def driver(*, is_there: bool = True) -> SimpleNamespace:
    """Return a driver with three cards: the first is busy, the second is cut into parts, the third does nothing."""

    def init() -> None:
        if not is_there:
            raise NvmlError

    def rates(card: int) -> SimpleNamespace:
        if card == 1:
            raise NvmlError
        return SimpleNamespace(gpu=(87, 0, 0)[card])

    def handle(index: int) -> int:
        return index

    def number(card: int) -> int:
        return 2 - card  # the driver's order is not that of the device files

    return SimpleNamespace(
        NVMLError=NvmlError,
        nvmlInit=init,
        nvmlShutdown=lambda: None,
        nvmlDeviceGetCount=lambda: 3,
        nvmlDeviceGetHandleByIndex=handle,
        nvmlDeviceGetMinorNumber=number,
        nvmlDeviceGetUtilizationRates=rates,
    )


def test_cards_are_measured_by_their_device_file_and_one_that_cannot_be_hides_no_other(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "pynvml", driver())
    assert busy_percents() == {"/dev/nvidia2": 87, "/dev/nvidia0": 0}
    monkeypatch.setitem(sys.modules, "pynvml", driver(is_there=False))
    assert busy_percents() == {}


@pytest.fixture
def data_dir(short_dir: Path) -> Iterator[Path]:
    if reason := why_not("any"):
        pytest.skip(reason)
    if len(STAND_INS) < 2:
        pytest.skip("this host has no two devices that could stand for cards")
    (short_dir / "images").symlink_to(images())
    yield short_dir
    backend = warden(short_dir)
    for one in backend.sessions():
        backend.stop(one.session_id, 0)
    backend.rest_homes()


def warden(data_dir: Path) -> LocalBackend:
    cards = [Card(str(path), "a100") for path in STAND_INS[:2]]
    return LocalBackend(data_dir, server_module="timeit", cards=lambda: cards)


def spec(gpu_count: int = 1) -> LaunchSpec:
    return LaunchSpec(new_id("ses", datetime.now(UTC)), "jane", 1, "base", 1000, 512 << 20, 100, 320 << 20, 64 << 20,
                      gpu_count, "a100", server_args=WAITS)  # fmt: skip


def devices(data_dir: Path, session: LaunchSpec) -> set[str]:
    """Return which of the cards a session sees, asked inside."""
    path = data_dir / "run/s" / session.session_id / "kernels/init.sock"
    while not path.exists():
        pass
    init = Init(path)
    code = "import json, os; print(json.dumps(os.listdir('/dev')))"
    told = init.ask("spawn", argv=["/opt/nbkeep/image/bin/python", "-c", code], env={}, cwd="/home/user")
    seen: list[str] = json.loads(init.exit_of(told["pid"])["output_tail"])
    init.close()
    return {str(path) for path in STAND_INS[:2]} & {f"/dev/{name}" for name in seen}


# Here one process plays several wardens, of which all but the last leave their children behind.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.filterwarnings("ignore::ResourceWarning")
def test_each_session_sees_its_own_card_until_it_is_stopped(data_dir: Path) -> None:
    first, second, third, none = spec(), spec(), spec(), spec(gpu_count=0)
    warden(data_dir).launch(none)
    warden(data_dir).launch(first)
    warden(data_dir).launch(second)
    assert devices(data_dir, none) == set()
    measured = LocalBackend(data_dir, busy=lambda: {str(STAND_INS[0]): 7})  # the other one cannot be measured
    assert [one.percent for one in measured.gpu_use()] == [7]
    assert measured.gpu_use()[0].session_id in {first.session_id, second.session_id}
    mine, yours = devices(data_dir, first), devices(data_dir, second)
    assert (len(mine), len(yours), mine & yours) == (1, 1, set())
    later = warden(data_dir)
    with pytest.raises(Unavailable, match="0 of 2 are free"):
        later.launch(third)
    assert later.status(third.session_id) is None
    later.stop(first.session_id, 0)
    later.launch(third)
    assert devices(data_dir, third) == mine
