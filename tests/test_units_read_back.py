"""What forms show of a size is what they read back: saving a form unchanged changes nothing."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from nbkeep.model.units import exact_size, parse_size_bytes


@given(
    st.integers(1, 1 << 60)
    | st.integers(1, 9999).map(lambda n: n * 10**9)
    | st.integers(1, 99).map(lambda n: n << 30)
)
def test_a_size_is_read_back_unchanged(size_bytes: int) -> None:
    assert parse_size_bytes(exact_size(size_bytes)) == size_bytes
