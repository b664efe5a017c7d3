"""What is shown of a release in a frame: its preview, what leaves in clear and redacted, what has changed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastapi import APIRouter, Request
from fastapi.responses import Response

from nbkeep.model.errors import NbkeepError, Refused
from nbkeep.model.gates import Found
from nbkeep.model.verdict import Refuse
from nbkeep.releases.let_out import hash_of
from nbkeep.releases.records import find_release, reach_of
from nbkeep.releases.rules import may_review
from nbkeep.releases.take import comparison_of, preview_of, variant_of
from nbkeep.releases.values import PLAIN, REDACTED, Document, State
from nbkeep.rendering.kept import Documents

from .framed import framed, is_shown
from .guard import SignedIn

if TYPE_CHECKING:
    from nbkeep.app import Office
    from nbkeep.model.actor import Actor

router = APIRouter(prefix="/releases/{release_id}/shown")
SECRETS = "Secrets were found in it, and are shown to nobody in clear: what it contains has them masked."


@router.get("/{name}")
def show(request: Request, browser: SignedIn, release_id: str, name: str) -> Response:
    """Return a document of a release for the frame of its page; what cannot be shown is a sentence."""
    office: Office = request.app.state.office
    documents = Documents(office.settings.documents_dir)
    try:
        if name == "preview":
            found = preview_of(office.store, office.clock, documents, browser.actor, release_id)
        elif name == "changes":
            found = comparison_of(office.store, office.clock, documents, browser.actor, release_id)
        else:
            found = _variant(office, documents, browser.actor, release_id, name)
    except NbkeepError as error:
        # In words of its own: the portal's pages are shown in no frame.
        answer = framed(office.settings, str(error).encode(), "text/plain")
        answer.status_code = error.status
        return answer
    return framed(office.settings, found.data, found.media_type)


def _variant(office: Office, documents: Documents, actor: Actor, release_id: str, name: str) -> Document:
    """Return what would leave, for who decides about it now; to its author it leaves once it is released."""
    with office.store.read() as tx:
        row, _ = find_release(tx, actor, release_id)
        if isinstance(may_review(actor, reach_of(tx, actor, row)), Refuse) or row.state != State.WAITING:
            raise _not_shown("Only who reviews it sees this, while it waits.")
    if name == PLAIN and Found.SECRET in row.found:
        raise _not_shown(SECRETS)
    page = row.pages.get(name, {})
    if name not in {PLAIN, REDACTED} or not hash_of(row, name):
        raise _not_shown(row.not_redacted if name == REDACTED else row.problem)
    media_type = str(page.get("media_type", ""))
    if not is_shown(media_type):
        raise _not_shown(f"{page.get('name', 'It')} is a file that is not shown here ({media_type}).")
    return variant_of(office.store, office.clock, documents, actor, release_id, name)


def _not_shown(why: str) -> Refused:
    return Refused("not-shown", why or "There is nothing to show.", "See what it contains.", status=404)
