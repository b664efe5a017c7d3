"""The hub's own few pages: in the portal's frame, and escaped."""

from __future__ import annotations

import pytest
from jinja2 import Environment, FileSystemLoader

from nbkeep.doors.hub.config import TEMPLATES

# JupyterHub's pages whose work the portal does.
DONE_BY_THE_PORTAL = ("accept-share", "admin", "home", "spawn", "token")


@pytest.mark.parametrize("name", DONE_BY_THE_PORTAL)
def test_a_page_whose_work_the_portal_does_leads_there_with_what_went_wrong(name: str) -> None:
    pages = Environment(loader=FileSystemLoader(TEMPLATES), autoescape=True)
    html = pages.get_template(f"{name}.html").render(error_message="<b>No such option</b>")
    assert 'href="/portal/">To your workspace' in html
    assert "&lt;b&gt;No such option" in html
    assert "nbkeep.css" in html
