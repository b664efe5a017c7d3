"""The portal: pages for people, in Jinja and HTMX, live by server-sent events, whole without scripts.

Calls the same rooms as the REST API and decides nothing itself. Never shows a user's content as HTML, and
never shares an origin with sessions.
"""

from .browser import actor_from_cookie
from .router import create_portal

__all__ = ["actor_from_cookie", "create_portal"]
