"""Which starts are allowed: a table of cases, and properties over many."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nbkeep.backends.interface import Capacity
from nbkeep.model.verdict import Allow, Refuse, Verdict
from nbkeep.profiles.values import Flavor, Profile
from nbkeep.sessions.rules import SESSION_NAME, Asker, HostPolicy, Load, may_start

GIB = 1 << 30
SMALL = Flavor("small", 2000, 8 * GIB)
GPU = Flavor("gpu", 2000, 8 * GIB, "t4", 1)
PROFILE = Profile("small", "Small", "base", "small")
JANE = Asker("jane", "notebook.user", is_active=True, max_sessions=2)
HOST = Capacity(2000, 24 * GIB, {"t4": 1})
NOTHING = Load()
POLICY = HostPolicy(cpu_overcommit=4, memory_overcommit=1)


def ask(
    asker: Asker = JANE,
    profile: Profile = PROFILE,
    flavor: Flavor = SMALL,
    load: Load = NOTHING,
    host: Capacity = HOST,
    policy: HostPolicy = POLICY,
    *,
    built: bool = True,
    approval: Refuse | None = None,
) -> Verdict:
    return may_start(asker, profile, flavor, load, host, policy, approval=approval, image_is_built=built)


MISSING = Refuse("needs-approval", "Not started: there is none.", "Ask for one.")


def test_a_missing_approval_is_said_before_the_host_and_after_the_person() -> None:
    full = Load(mine=2, memory_bytes=24 * GIB)
    assert ask(approval=MISSING, load=full) is MISSING
    inactive = Asker("jane", "notebook.user", is_active=False, max_sessions=2)
    for verdict, code in (
        (ask(inactive, approval=MISSING), "user-disabled"),
        (ask(flavor=Flavor("a100", 4000, GIB, "a100", 1), approval=MISSING), "no-capacity"),
    ):
        assert isinstance(verdict, Refuse)
        assert verdict.code == code


@pytest.mark.parametrize(
    ("asked", "code", "in_message"),
    [
        ({"asker": Asker("jane", "notebook.user", is_active=False, max_sessions=2)}, "user-disabled", "jane"),
        (
            {"asker": Asker("jane", "notebook.auditor", is_active=True, max_sessions=2)},
            "profile-not-for-role",
            "auditor",
        ),
        (
            {"asker": Asker("jane", "notebook.user", is_active=True, max_sessions=0)},
            "no-sessions-allowed",
            "max_sessions is 0",
        ),
        ({"load": Load(mine=2)}, "too-many-sessions", "2 of 2"),
        ({"profile": Profile("p", "P", "base", "small", enabled=False)}, "profile-disabled", "switched off"),
        ({"built": False}, "image-missing", "base"),
        (
            {"flavor": Flavor("large", 4000, 32 * GIB)},
            "no-capacity",
            "needs 32 GiB of memory; this host has 24 GiB",
        ),
        ({"flavor": Flavor("a100", 4000, GIB, "a100", 1)}, "no-capacity", "this host has none"),
        ({"flavor": GPU, "load": Load(gpus={"t4": 1})}, "no-capacity", "1 of 1 are in use"),
        ({"load": Load(memory_bytes=17 * GIB)}, "no-capacity", "hold 17 GiB of 24 GiB"),
        ({"load": Load(cpu_millis=7000)}, "no-capacity", "hold 7 of 8"),
        (
            {"flavor": Flavor("wide", 3000, GIB), "policy": HostPolicy(0.5, 1)},
            "no-capacity",
            "may not be overcommitted",
        ),
    ],
)
def test_a_start_is_refused_with_code_and_numbers(asked: dict[str, Any], code: str, in_message: str) -> None:
    verdict = ask(**asked)
    assert isinstance(verdict, Refuse)
    assert verdict.code == code
    assert in_message in verdict.message
    assert verdict.remedy


def test_a_start_within_all_limits_is_allowed_without_a_note() -> None:
    assert ask() == Allow()


def test_a_flavor_with_more_cpu_than_the_host_is_allowed_and_the_note_says_so() -> None:
    verdict = ask(flavor=Flavor("wide", 4000, 8 * GIB))
    assert isinstance(verdict, Allow)
    assert "2 CPU" in verdict.note


@given(
    mine=st.integers(0, 10),
    limit=st.integers(-1, 10),
    memory=st.integers(0, 64 * GIB),
    cpu=st.integers(0, 64000),
)
def test_what_is_allowed_never_goes_over_any_limit(mine: int, limit: int, memory: int, cpu: int) -> None:
    asker = Asker("jane", "notebook.user", is_active=True, max_sessions=limit)
    verdict = ask(asker=asker, load=Load(mine=mine, memory_bytes=memory, cpu_millis=cpu))
    if isinstance(verdict, Allow):
        assert mine < limit
        assert memory + SMALL.memory_bytes <= HOST.memory_bytes
        assert cpu + SMALL.cpu_millis <= 4 * HOST.cpu_millis


@pytest.mark.parametrize("name", ["a", "churn", "a-1", "x" * 30])
def test_a_session_name_is_a_label_of_a_host_name(name: str) -> None:
    assert SESSION_NAME.fullmatch(name)


@pytest.mark.parametrize("name", ["", "-a", "a-", "A", "a.b", "a_b", "x" * 31, "é", "a/b", "a\n"])
def test_other_session_names_are_not(name: str) -> None:
    assert not SESSION_NAME.fullmatch(name)
