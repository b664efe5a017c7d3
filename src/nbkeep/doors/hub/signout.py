"""The hub's sign-out, for who asked for it: no link, picture or frame of another site ends a sign-in."""

# JupyterHub has no types: strictness ends at its edge.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# pyright: reportMissingTypeStubs=false, reportIncompatibleMethodOverride=false

from __future__ import annotations

from typing import TYPE_CHECKING

from jupyterhub.handlers.login import LogoutHandler

from nbkeep.doors.cookies import SIGN_OUT_COOKIE, SIGN_OUT_PURPOSE, SIGN_OUT_S, Signer, fingerprint
from nbkeep.model.clock import SystemClock

if TYPE_CHECKING:
    from nbkeep.settings import Settings

_CLOCK = SystemClock()


class ConfirmedLogout(LogoutHandler):
    """Signs out at once when the portal's button was pressed; asks everybody else, such as JupyterLab's menu.

    JupyterHub's own page signs out whoever is led to it.
    """

    async def get(self) -> None:
        """Sign out with the portal's word, or show the question."""
        if self.current_user is None or self._portal_asks():
            await self._sign_out()
        else:
            self.finish(await self.render_template("sign_out.html"))

    async def post(self) -> None:
        """Sign out: the question was answered. JupyterHub has checked the form's `_xsrf`. Twice is safe."""
        await self._sign_out()

    async def _sign_out(self) -> None:
        self.clear_cookie(SIGN_OUT_COOKIE, path=f"{self.hub.base_url}logout")
        await super().get()  # pyright: ignore[reportGeneralTypeIssues]

    def _portal_asks(self) -> bool:
        settings: Settings = self.settings["authenticator"].settings
        signer = Signer(settings.secret("cookie-secret").encode(), SIGN_OUT_PURPOSE)
        word = signer.read(self.get_cookie(SIGN_OUT_COOKIE) or "")
        session_id = self.get_session_cookie()
        if word is None or not session_id:
            return False
        age_s = _CLOCK.now().timestamp() - float(word["at"])
        # Each sign-in has a session of its own: a word that is kept signs nobody out again.
        return abs(age_s) < SIGN_OUT_S and word["hub"] == fingerprint(session_id)
