"""The page "Left behind": found, chosen, deleted, without a value or a name that is markup."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from nbkeep.backends.interface import Volume
from portal_parts import HOSTILE
from release_parts import LEAKY
from scan_parts import KEY

if TYPE_CHECKING:
    from portal_parts import Portal

PAGE = "/leftovers"


def test_a_person_finds_and_deletes_what_was_left_behind(portal: Portal) -> None:
    jane, held = portal.person("jane"), portal.office.backend.held
    portal.office.backend.volumes["jane"] = Volume("xfs", 1 << 30, 0, 1 << 30)
    held["jane", f"{HOSTILE}.ipynb~"] = LEAKY
    held["jane", "work.py"] = f"key = '{KEY}'".encode()
    held["jane", "work.py~"] = held["jane", "work.py"]
    assert 'hx-get="/portal/leftovers/found"' in jane.get(PAGE)
    # The key is still in a file that is worked with: nothing may go.
    shown = jane.get(f"{PAGE}/found")
    assert ("still in a file of yours" in shown, 'type="checkbox"' in shown) == (True, False)
    held["jane", "work.py"] = b"key = load()"
    shown = jane.get(f"{PAGE}?look=1")
    assert KEY not in shown
    assert HOSTILE not in shown
    values = re.findall(r'name="file" value="([^"]+)"', shown)
    assert len(values) == 2
    nothing = jane.post(f"{PAGE}/delete")
    assert (nothing.status_code, "nothing was deleted" in nothing.text) == (200, True)
    done = jane.post(f"{PAGE}/delete", file=values[0])
    assert ("1 file deleted" in done.text, len(held)) == (True, 2)
    again = jane.post(f"{PAGE}/delete", file=b"work.py".hex() + ":x")
    assert "was not deleted" in again.text
    assert ("jane", "work.py") in held
    assert "bob" not in portal.person("bob").get(f"{PAGE}/found").partition("<h1")[0]
