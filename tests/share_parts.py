"""Steps that tests of shares repeat."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from nbkeep.model.actor import SYSTEM, Actor
from nbkeep.model.ids import new_id
from nbkeep.people import projects
from nbkeep.rendering.kept import Documents
from nbkeep.shares.make import make_share
from nbkeep.shares.values import Released, limits_of
from nbkeep.store.share_tables import ShareRow

if TYPE_CHECKING:
    from office_parts import OfficeForTests

PAGE = b"<!doctype html><title>Churn</title><h1>Churn in Q3</h1><p>It fell to 2.1 %.</p>"


def with_anyone(office: OfficeForTests, *, allowed: bool = True) -> None:
    """Let documents be shared with anyone, or no more: the office reads it with each request."""
    object.__setattr__(office, "settings", replace(office.settings, share_with_anyone=allowed))


def released(
    office: OfficeForTests, owner: Actor, *audience: str, data: bytes = PAGE, **changes: Any
) -> Released:
    """Keep a document as a release leaves it, and return what it gives away."""
    sha256 = Documents(office.settings.documents_dir).put(data)
    assert sha256 == hashlib.sha256(data).hexdigest()
    now = office.clock.now()
    made = Released(
        release_id=new_id("rel", now),
        owner_id=owner.id,
        owner=owner.name,
        title="Churn in Q3",
        sha256=sha256,
        media_type="text/html",
        form="html",
        classification="internal",
        gate="share",
        audience=audience,
        expires_at=now + timedelta(days=7),
        description="By region, with the model of May.",
        tags=("churn", "q3"),
    )
    return replace(made, **changes)


def share(
    office: OfficeForTests, owner: Actor, *audience: str, data: bytes = PAGE, **changes: Any
) -> ShareRow:
    """Release a document and share it."""
    given = released(office, owner, *audience, data=data, **changes)
    with office.store.write() as tx:
        return make_share(tx, office.clock, SYSTEM, given, limits_of(office.settings))


def project(office: OfficeForTests, admin: Actor, name: str, *members: Actor) -> None:
    """Make a project with people in it."""
    with office.store.write() as tx:
        projects.add_project(tx, office.clock, admin, name)
        for one in members:
            projects.join_project(tx, office.clock, admin, name, one.name)


def in_browser(actor: Actor, address: str = "192.0.2.1") -> Actor:
    """Return somebody as the portal knows them."""
    return replace(actor, via="browser", address=address)
