"""`nbkeep --help` under headings. Typer's own need rich, slower to import than all the rest."""

from __future__ import annotations

from typing import Any

from typer.core import TyperGroup


class Headings(TyperGroup):
    """Lists verbs in the order in which they were registered with `app.py`, each under its panel."""

    order: tuple[str, ...] = ()

    def list_commands(self, ctx: Any) -> list[str]:
        """Return the verbs in the order of `order`."""
        names = super().list_commands(ctx)
        return sorted(
            names, key=lambda name: self.order.index(name) if name in self.order else len(self.order)
        )

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """Write each panel as a section of verbs."""
        panels: dict[str, list[tuple[str, str]]] = {}
        for name in self.list_commands(ctx):
            verb: Any = self.get_command(ctx, name)
            if verb is not None and not verb.hidden:
                panel = getattr(verb, "rich_help_panel", None) or "More"
                panels.setdefault(str(panel), []).append((name, str(verb.get_short_help_str(62))))
        for panel, verbs in panels.items():
            with formatter.section(panel):
                formatter.write_dl(verbs)
