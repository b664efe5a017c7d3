"""Attack: read data in a session whose profile is not cleared for it, with or without a grant."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from data_parts import OBJECTS, authority, cloud, reading, sales
from egress_parts import OTHER, SESSION
from moto_parts import REGION
from nbkeep.model.classification import CLASSIFICATIONS

if TYPE_CHECKING:
    from data_parts import Reading
    from moto_parts import Aws

__all__ = ["authority", "cloud", "reading"]
pytestmark = pytest.mark.attack


@pytest.mark.parametrize("ceiling", CLASSIFICATIONS)
@pytest.mark.parametrize("classification", CLASSIFICATIONS)
def test_no_class_above_the_profiles_is_read(
    reading: Reading, cloud: Aws, classification: str, ceiling: str
) -> None:
    reading.publish(sales(cloud, classification=classification))
    fits = CLASSIFICATIONS.index(classification) <= CLASSIFICATIONS.index(ceiling)
    for granted in ([], ["sales"]):
        reading.reader(ceiling=ceiling, granted=granted)
        for path in ("/2026-01/a.csv", "/", "/?format=json"):
            status, _, said = reading.read(path)
            assert status == (200 if fits else 403), said
            if not fits:
                assert f"is {classification}".encode() in said
                assert f"cleared for {ceiling} data".encode() in said
    assert bool(reading.reported) == fits


@pytest.mark.parametrize(
    ("classification", "ceiling"), [("secret", "pii"), ("public", "secret"), ("secret", "secret"), ("", "")]
)
def test_a_class_that_nobody_knows_opens_nothing(
    reading: Reading, cloud: Aws, classification: str, ceiling: str
) -> None:
    """Another release may have written it; what else there is goes on."""
    reading.publish(
        sales(cloud, classification=classification), sales(cloud, "open", classification="public")
    )
    for granted in ([], ["sales"]):
        reading.reader(ceiling=ceiling, granted=granted)
        status, _, said = reading.read("/2026-01/a.csv")
        assert (status, b"cleared for" in said) == (403, True), said
    assert reading.reported == []
    reading.reader(ceiling="public")
    assert reading.read("/2026-01/a.csv", host="open.data.nbkeep")[0] == 200


def test_the_grant_of_another_opens_nothing_here(reading: Reading, cloud: Aws) -> None:
    reading.reach(session_id=OTHER)
    reading.add(
        f"127.0.0.1:{cloud.port}", kind="s3", place=REGION, template="s3", value=cloud.value, session_id=OTHER
    )
    reading.reader(session_id=OTHER, granted=["sales"])
    assert reading.read("/2026-02/a.csv", session_id=OTHER)[2] == OBJECTS["sales/2026-02/a.csv"]
    assert reading.read("/2026-02/a.csv", session_id=SESSION)[0] == 403
    reading.publish(sales(cloud), sales(cloud, "second"))
    assert reading.read("/2026-02/a.csv", host="second.data.nbkeep", session_id=OTHER)[0] == 403
