"""Which notebook belongs to which kernel, and nothing of this process's environment in a kernel's."""

# pyright: reportUnknownMemberType=false, reportIncompatibleMethodOverride=false, reportUnknownVariableType=false

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from jupyter_server.services.sessions.sessionmanager import SessionManager

from nbkeep_runtime.server.state.index import KeptTab

if TYPE_CHECKING:
    from collections.abc import Sequence


class NotebookSessions(SessionManager):
    """Jupyter Server's sessions, with the paths at hand."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._paths: dict[str, str] = {}
        self._kernels: dict[str, str] = {}

    def path_of(self, kernel_id: str) -> str | None:
        """Return the notebook that a kernel was started for."""
        return self._paths.get(kernel_id)

    def get_kernel_env(self, path: str | None, name: Any = None) -> dict[str, str]:
        """Return what a kernel is told; Jupyter Server would add this process's whole environment."""
        return {"JPY_SESSION_NAME": path or ""}

    async def start_kernel_for_session(
        self, session_id: str, path: str | None, *args: Any, **kwargs: Any
    ) -> str:
        """Start a kernel and remember its path."""
        kernel_id: str = await super().start_kernel_for_session(session_id, path, *args, **kwargs)
        self._remember(session_id, kernel_id, path)
        return kernel_id

    async def save_session(
        self,
        session_id: str,
        path: str | None = None,
        name: Any = None,
        type: Any = None,
        kernel_id: str | None = None,
    ) -> Any:
        """Save a session and remember its path."""
        self._remember(session_id, kernel_id, path)
        return await super().save_session(session_id, path, name, type, kernel_id)

    async def update_session(self, session_id: str, **kwargs: Any) -> None:
        """Update a session and remember its path: a notebook was renamed, or has another kernel."""
        await super().update_session(session_id, **kwargs)
        kernel_id = kwargs.get("kernel_id") or self._kernels.get(session_id)
        path = kwargs.get("path") or self._paths.get(self._kernels.get(session_id, ""))
        self._remember(session_id, kernel_id, path)

    def rows(self) -> list[KeptTab]:
        """Return every session with a kernel, oldest first."""
        found = cast("list[Any]", self.cursor.execute("SELECT * FROM session").fetchall())
        names = ("session_id", "kernel_id", "path", "name", "type")
        tabs = [KeptTab(*(str(row[name] or "") for name in names)) for row in found]
        return [tab for tab in tabs if tab.kernel_id and tab.path]

    async def bring_back(self, kernel_id: str, kernel_name: str, path: str, tabs: Sequence[KeptTab]) -> None:
        """Start a kernel and save its sessions under the ids that they had: open tabs find them again."""
        first = tabs[0].session_id if tabs else self.new_session_id()
        await self.start_kernel_for_session(first, path, path, "notebook", kernel_name, kernel_id)
        for tab in tabs:
            await self.save_session(tab.session_id, tab.path, tab.name, tab.type, kernel_id)

    def _remember(self, session_id: str, kernel_id: str | None, path: str | None) -> None:
        if kernel_id and path:
            self._kernels[session_id] = kernel_id
            self._paths[kernel_id] = path
