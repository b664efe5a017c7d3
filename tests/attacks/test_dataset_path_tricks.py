"""Attack: name an object so that another one is read than those below the dataset's prefix."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from data_parts import OBJECTS, authority, cloud, reading
from nbkeep.data.keys import key_of

if TYPE_CHECKING:
    from data_parts import Reading

__all__ = ["authority", "cloud", "reading"]
pytestmark = pytest.mark.attack
OUTSIDE = [data for key, data in OBJECTS.items() if not key.startswith("sales/")]
TRICKS = (
    "/../other/x.csv", "/2026-01/../../other/x.csv", "/./2026-01/a.csv", "/%2e%2e/other/x.csv", "/%2E%2E%2Fother/x.csv",
    "/..%2fother%2fx.csv", "/%252e%252e/other/x.csv", "/..%5cother%5cx.csv", "//other/x.csv", "/2026-01//a.csv",
    "///etc/passwd", "/%2fother/x.csv", "/2026-01/%00", "/2026-01/a.csv%00.csv", "/2026-01/a.csv%0d%0aHost:%20x",
    "/2026-01/%ff", "/..", "/.", "/2026-01/", "/2026-01/..;/a.csv/../../other/x.csv", "/" + "a" * 1000,
)  # fmt: skip


@pytest.mark.parametrize("path", TRICKS)
def test_no_writing_of_a_path_leads_out_of_the_prefix(reading: Reading, path: str) -> None:
    reading.reader(granted=["sales"])
    status, _, said = reading.read(path)
    assert status in {400, 404}, said
    assert not any(data in said for data in OUTSIDE)


@pytest.mark.parametrize(
    "path",
    ["/2026-01/a.csv?versionId=1", "/?acl", "/2026-01/a.csv?uploads", "/?list-type=2&prefix=other/", "/?prefix=../",
     "/?prefix=/other", "/?prefix=%2e%2e/other", "/?after=../other", "/?prefix=a&prefix=b", "/?prefix=%252e%252e",
     "/?format=xml"],
)  # fmt: skip
def test_parameters_reach_no_other_question(reading: Reading, path: str) -> None:
    reading.reader(granted=["sales"])
    assert reading.read(path)[0] == 400


def test_a_neighbour_with_the_same_beginning_is_another_place(reading: Reading) -> None:
    reading.reader(granted=["sales"])
    for path in ("/-secret/salaries.csv", "/../sales-secret/salaries.csv"):
        assert reading.read(path)[0] in {400, 404}
    for prefix in ("", "-secret", "2026"):
        found = json.loads(reading.read(f"/?format=json&prefix={prefix}")[2])["objects"]
        assert not any("salaries" in one["key"] or "other" in one["key"] for one in found)


def test_letters_case_is_part_of_a_key(reading: Reading) -> None:
    assert reading.read("/2026-01/A.CSV")[0] == 403  # not in the sample
    reading.reader(granted=["sales"])
    assert reading.read("/2026-01/A.csv")[0] == 404
    assert OBJECTS["Sales/2026-01/a.csv"] not in reading.read("/2026-01/a.csv")[2]


@pytest.mark.parametrize(
    "host", ["127.0.0.1.data.nbkeep", "other.data.nbkeep", "x.sales.data.nbkeep", "data.nbkeep"]
)
def test_other_names_below_the_reserved_one_are_nothing(reading: Reading, host: str) -> None:
    assert reading.read("/2026-01/a.csv", host=host)[0] == 404


def test_a_host_header_of_another_dataset_is_refused(reading: Reading) -> None:
    said = reading.ask(
        b"GET http://sales.data.nbkeep/2026-01/a.csv HTTP/1.1\r\nHost: other.data.nbkeep\r\n\r\n"
    )
    assert said.startswith(b"HTTP/1.1 400 ")


@given(st.binary(max_size=60))
def test_what_is_taken_for_a_key_has_no_part_that_leads_elsewhere(path: bytes) -> None:
    try:
        key = key_of(b"/" + path)
    except ValueError:
        return
    assert not {"", ".", ".."} & set(key.split("/"))
    assert key.isprintable()
    assert "\\" not in key
