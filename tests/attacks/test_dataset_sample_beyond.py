"""Attack: a sample whose pattern reaches beyond the dataset, or further than it looks."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from data_parts import authority, cloud, reading, sales
from nbkeep.data import parse
from nbkeep.data.keys import in_sample
from nbkeep.model.errors import Refused

if TYPE_CHECKING:
    from data_parts import Reading
    from moto_parts import Aws

__all__ = ["authority", "cloud", "reading"]
pytestmark = pytest.mark.attack
BEYOND = ("../other/*", "/other/*", "2026-01/../../other/*", "..", "%2e%2e/other/*", "a//b", "a\\..\\b", "", "x/",
          "[!x]*", "*" * 9, "a\n", "x" * 1000)  # fmt: skip


@pytest.mark.parametrize("pattern", BEYOND)
def test_patterns_that_lead_out_are_refused_when_they_are_published(pattern: str) -> None:
    with pytest.raises(Refused) as refusal:
        parse.source("sales", "s3://lake/sales", "internal", samples=[pattern])
    assert refusal.value.code == "invalid-sample"


@pytest.mark.parametrize("pattern", BEYOND)
def test_and_open_nothing_where_one_got_in(reading: Reading, cloud: Aws, pattern: str) -> None:
    reading.publish(sales(cloud, samples=(pattern,)))
    for path in ("/other/x.csv", "/../other/x.csv", "/-secret/salaries.csv", "/2026-02/a.csv"):
        status, _, said = reading.read(path)
        assert status in {400, 403}, said


@pytest.mark.parametrize(
    ("pattern", "key", "fits"),
    [
        ("*", "a.csv", True),
        ("*", "2026/a.csv", False),
        ("2026-??/*.csv", "2026-01/a.csv", True),
        ("2026-??/*.csv", "2026-01/deep/a.csv", False),
        ("2026-??/*.csv", "2026-01/a.csv/b", False),
        ("*.csv", "A.CSV", False),
        ("a?b", "a/b", False),
        ("**", "a/b", False),
        ("a.c", "abc", False),
    ],
)
def test_a_star_stands_for_no_folder(pattern: str, key: str, fits: bool) -> None:
    assert in_sample([pattern], key) == fits


def test_listings_of_the_sample_say_nothing_of_other_keys(
    reading: Reading, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The last key of a page is mostly none of the sample, and that there is more says what lies after it."""
    monkeypatch.setattr("nbkeep.data.listing.PAGE", 1)
    seen: list[str] = []
    path = "/?format=json"
    while path:
        status, _, said = reading.read(path)
        assert status == 200
        assert not any(word in said + path.encode() for word in (b"x.csv", b"2026-02", b"big.bin"))
        found = json.loads(said)
        seen += [one["key"] for one in found["objects"]]
        path = (found["next"] or "").removeprefix("http://sales.data.nbkeep")
    assert seen == ["2026-01/a.csv", "2026-01/b c+d.csv"]
    for prefix in ("2026-02/", "2026-02/a", "none/"):
        assert json.loads(reading.read(f"/?format=json&prefix={prefix}")[2])["next"] is None
    answers = {
        reading.read(f"/?format=json&prefix=2026-01/{one}")[2].count(b"page=") for one in ("deep", "none")
    }
    assert len(answers) == 1
    for path in ("/?after=2026-01/b", "/?format=json&prefix=2026-01/&after=2026-01/d"):
        status, _, said = reading.read(path)
        assert (status, b"without a grant" in said) == (400, True)


def test_a_page_is_of_one_session_and_dataset(
    reading: Reading, cloud: Aws, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("nbkeep.data.listing.PAGE", 1)
    reading.publish(sales(cloud), sales(cloud, "second"))
    path = json.loads(reading.read("/?format=json")[2])["next"].removeprefix("http://sales.data.nbkeep")
    assert reading.read(path)[0] == 200
    for trick in (path.replace("page=", "page=AAAA"), "/?page=..", "/?page=%00", "/?page=" + "A" * 80):
        status, _, said = reading.read(trick)
        assert (status, b"begin the listing anew" in said) == (400, True)
    assert reading.read(path, host="second.data.nbkeep")[0] == 400


@pytest.mark.parametrize("place", ["s3://lake/../other", "s3://lake//x", "s3://lake/a//", "s3:///x", "s3://LAKE/x",
                                   "https://lake/x", "s3://lake/%2e%2e", "s3://a..b/x", "lake/x"])  # fmt: skip
def test_places_that_are_none_are_refused(place: str) -> None:
    with pytest.raises(Refused) as refusal:
        parse.source("sales", place, "internal")
    assert refusal.value.code == "invalid-s3"
