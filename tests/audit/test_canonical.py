"""One spelling for one value."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nbkeep.audit.canonical import canonical

TEXT = st.text(alphabet=st.characters(exclude_categories=["Cs"]))
NUMBERS = st.integers(-(2**53) + 1, 2**53 - 1) | st.floats(allow_nan=False, allow_infinity=False)
VALUES = st.recursive(
    st.none() | st.booleans() | NUMBERS | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
)


@given(VALUES)
def test_it_is_json_and_survives_a_round_trip(value: object) -> None:
    spelled = canonical(value)
    assert json.loads(spelled) == value
    assert canonical(json.loads(spelled)) == spelled


@given(st.dictionaries(TEXT, NUMBERS, max_size=6), st.randoms())
def test_the_order_in_which_keys_were_put_in_does_not_matter(value: dict[str, float], random: object) -> None:
    items = list(value.items())
    random.shuffle(items)  # pyright: ignore[reportUnknownMemberType, reportAttributeAccessIssue]
    assert canonical(dict(items)) == canonical(value)


def test_keys_are_sorted_by_utf16_code_units() -> None:
    """The example of RFC 8785, 3.2.3: an emoji (surrogates, D83D…) sorts before U+FB33."""
    keys = ["\u20ac", "\r", "\ufb33", "1", "\U0001f600", "\u0080", "\u00f6"]
    assert list(json.loads(canonical(dict.fromkeys(keys, 0)))) == [
        "\r", "1", "\u0080", "\u00f6", "\u20ac", "\U0001f600", "\ufb33"]  # fmt: skip


def test_whole_floats_and_minus_zero_are_integers() -> None:
    assert canonical([1.0, -0.0, 1e15, 0.5]) == "[1,0,1000000000000000,0.5]"


@pytest.mark.parametrize(
    "value", [float("nan"), float("inf"), 2**53, "\ud800", {"a": object()}, {1: 2}, b"x"]
)
def test_what_has_no_json_form_is_refused(value: object) -> None:
    with pytest.raises(ValueError, match=r"JSON|surrogates"):
        canonical(value)
