"""Attack: ask for a refused project by another way to write its name."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from packages_parts import FILES, Index, Shop, selling

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path

pytestmark = pytest.mark.attack
WAYS = [
    "ev-il",
    "Ev_Il",
    "EV.IL",
    "ev--il",
    "ev-_.il",
    "ev_il/",
    "%65v-il",
    "ev-il%2F",
    "ev%2Dil",
    "%D0%B5v-il",
]


@pytest.fixture
def sold(tmp_path: Path) -> Generator[tuple[Shop, Index]]:
    with selling(tmp_path) as (shop, index):
        index.publish("ev-il", "1.0")
        index.publish("ev-il-good", "1.0")
        for way in WAYS:
            index.answers[f"/simple/{way.removesuffix('/')}/"] = index.answers["/simple/ev-il/"]
        yield shop, index


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("rule", [{"deny": "Ev_iL"}, {"allow": "ev-il-*,other"}, {"deny": "ev*il"}], ids=str)
def test_no_way_to_write_it_gets_through(sold: tuple[Shop, Index], way: str, rule: dict[str, str]) -> None:
    shop, index = sold
    shop.rule(index.port, **rule)
    _, _, body = shop.get(index, f"/simple/{way.removesuffix('/')}/")
    assert b"/files/ev_il-1.0" not in body
    assert index.seen == []


@pytest.mark.parametrize("file", ["ev_il-1.0", "Ev_Il-1.0", "ev.il-1.0", "ev__il-1.0"])
def test_nor_do_names_of_files(sold: tuple[Shop, Index], file: str) -> None:
    shop, index = sold
    shop.rule(index.port, deny="ev-il")
    path = f"/files/{file}-py3-none-any.whl"
    index.answers[path] = (200, {}, b"PK evil")
    assert shop.get(index, path, FILES)[0] == 403
    assert index.asked("/files/") == []


def test_a_name_is_asked_for_in_its_one_form(sold: tuple[Shop, Index]) -> None:
    shop, index = sold
    shop.rule(index.port, allow="EV.IL.good")
    assert set(shop.listed(index, "/simple/Ev_il-GOOD")) == {"ev_il_good-1.0-py3-none-any.whl"}
    assert index.asked("") == ["/simple/ev-il-good/"]
