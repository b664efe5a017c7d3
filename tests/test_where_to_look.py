"""The map of the house names files that are there."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PAGES = [ROOT / "ARCHITECTURE.md", ROOT / "docs/internals/where-to-look.md"]
FLOORS = [ROOT / "src/nbkeep", ROOT / "src", ROOT]


def rows(page: Path) -> list[str]:
    return [line for line in page.read_text().splitlines() if re.match(r"\| .* \| .*`", line)]


def missing_in(row: str) -> list[str]:
    """Return the paths of a row that nothing has; a bare name lies in a folder that the row has named before."""
    missing: list[str] = []
    named: list[Path] = []
    for name in re.findall(r"`([\w./-]+(?:\.(?:py|js|toml|md)|/))`", row):
        if re.search(r"[A-Z]{3}", name) or name == "config.toml":
            continue  # the name of a kind of file, or of one that an installation has
        found = next((at / name for at in [*reversed(named), *FLOORS] if (at / name).exists()), None)
        if found is None:
            missing.append(name)
        else:
            named.append(found if found.is_dir() else found.parent)
    return missing


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_file_that_is_named_is_there(page: Path) -> None:
    found = rows(page)
    assert len(found) > 10
    assert [(row, missing) for row in found if (missing := missing_in(row))] == []


def test_a_file_that_is_gone_is_told() -> None:
    assert missing_in("| what | `sessions/rules.py`, `nowhere.py`; `doors/api/NOUN.py` |") == ["nowhere.py"]
