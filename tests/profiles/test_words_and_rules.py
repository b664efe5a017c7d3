"""Words that people read, seeds, and what fits a host."""

from __future__ import annotations

import doctest
from types import ModuleType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nbkeep.backends.interface import Capacity
from nbkeep.model.errors import Refused
from nbkeep.model.verdict import Allow, Refuse
from nbkeep.profiles import parse, rules, seeds, words
from nbkeep.profiles.images import built_images
from nbkeep.profiles.known import Known
from nbkeep.profiles.parse import flavor_from, plain, profile_from
from nbkeep.profiles.rules import check_flavor, check_profile, fits_host
from nbkeep.profiles.values import Flavor
from nbkeep.sessions import limits
from office_parts import OfficeForTests


@pytest.mark.parametrize("module", [words, parse, rules, limits])
def test_the_examples_in_the_docstrings_are_true(module: ModuleType) -> None:
    assert doctest.testmod(module).failed == 0


def test_every_seed_is_valid_and_each_profile_has_its_flavor() -> None:
    names = {flavor.name for flavor in seeds.FLAVORS}
    for flavor in seeds.FLAVORS:
        check_flavor(flavor)
        assert flavor_from(plain(flavor)) == flavor
    for profile in seeds.PROFILES:
        check_profile(profile, names, Known(frozenset({"base"})))
        assert profile_from(plain(profile)).roles == tuple(sorted(profile.roles))
    assert names == {profile.name for profile in seeds.PROFILES if not profile.quarantine}
    assert [profile.name for profile in seeds.PROFILES if profile.quarantine] == ["quarantine"]


def test_seeds_are_planted_once_and_never_come_back(office: OfficeForTests) -> None:
    with office.store.write() as tx:
        assert not seeds.plant(tx, office.clock)


@pytest.mark.parametrize(
    ("flavor", "fits"),
    [
        (Flavor("a", 2000, 8 << 30), True),
        (Flavor("a", 64000, 8 << 30), True),  # CPU is capped, with a note
        (Flavor("a", 2000, 10 << 30), True),  # within tolerance, with a note
        (Flavor("a", 2000, 11 << 30), False),
        (Flavor("a", 2000, 1 << 30, "t4", 2), True),
        (Flavor("a", 2000, 1 << 30, "t4", 3), False),
        (Flavor("a", 2000, 1 << 30, "a100", 1), False),
    ],
)
def test_memory_and_gpus_must_be_there_and_cpu_is_capped(flavor: Flavor, *, fits: bool) -> None:
    verdict = fits_host(flavor, Capacity(2000, 8 << 30, {"t4": 2}), cpu_overcommit=4)
    assert isinstance(verdict, Allow if fits else Refuse)
    if isinstance(verdict, Refuse):
        assert verdict.message.startswith("No capacity here")


FLAVOR: dict[str, object] = {"name": "a", "cpu": 1, "memory": "1GiB"}
PROFILE: dict[str, object] = {"name": "a", "image": "base", "flavor": "f"}


def flavor_status(values: dict[str, object]) -> int:
    """Return the status of a flavor's refusal; 400 as well where there is none."""
    try:
        check_flavor(flavor_from(values))
    except Refused as refusal:
        return refusal.status
    return 400


def profile_status(values: dict[str, object]) -> int:
    """Return the status of a profile's refusal; 400 as well where there is none."""
    try:
        check_profile(profile_from(values), {"f"}, Known(frozenset({"base"})))
    except Refused as refusal:
        return refusal.status
    return 400


@given(value=st.one_of(st.text(), st.integers(), st.floats(), st.booleans(), st.none(), st.lists(st.text())))
def test_whatever_is_written_into_a_field_is_read_or_refused(value: object) -> None:
    for field in ("cpu", "memory", "gpu_type", "gpu_count", "price_per_hour"):
        assert flavor_status({**FLAVOR, field: value}) == 400
    for field in (
        "idle_stop",
        "max_session",
        "max_extension",
        "roles",
        "record_code",
        "preimport",
        "image",
        "display_name",
    ):
        assert profile_status({**PROFILE, field: value}) == 400


def test_an_image_that_cannot_be_read_is_no_image(office: OfficeForTests) -> None:
    for name, text in (("broken", "{"), ("list", "[]"), ("binary", "\udcff")):
        folder = office.settings.images_dir / name / "current"
        folder.mkdir(parents=True)
        (folder / "image.json").write_bytes(text.encode("utf-8", "surrogateescape"))
    (office.settings.images_dir / "empty").mkdir()
    (office.settings.images_dir / "file").write_text("")
    assert set(built_images(office.settings.images_dir)) == {"base"}
