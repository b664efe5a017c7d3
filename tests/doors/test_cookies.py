"""Signed values: what a browser may not have changed, made up, or brought from another use."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nbkeep.doors.cookies import Signer

SECRET = b"0123456789abcdef0123456789abcdef"


def test_a_signed_value_is_read_back() -> None:
    signer = Signer(SECRET, "browser")
    assert signer.read(signer.sign({"user": "usr_1", "at": 1.5})) == {"user": "usr_1", "at": 1.5}


def test_a_value_signed_for_one_purpose_fails_in_another() -> None:
    assert Signer(SECRET, "sign-in").read(Signer(SECRET, "browser").sign({"user": "usr_1"})) is None


def test_a_value_signed_with_another_secret_fails() -> None:
    assert Signer(SECRET, "browser").read(Signer(SECRET[::-1], "browser").sign({"user": "usr_1"})) is None


@given(st.text())
def test_no_text_is_taken_for_a_signed_value(text: str) -> None:
    assert Signer(SECRET, "browser").read(text) is None


@given(st.integers(min_value=0), st.characters(codec="ascii"))
def test_a_signed_value_with_any_character_changed_fails(place: int, char: str) -> None:
    signer = Signer(SECRET, "browser")
    signed = signer.sign({"user": "usr_1"})
    place %= len(signed)
    changed = signed[:place] + char + signed[place + 1 :]
    assert changed == signed or signer.read(changed) is None


def test_a_short_secret_is_refused() -> None:
    with pytest.raises(ValueError, match="too short"):
        Signer(b"short", "browser")
