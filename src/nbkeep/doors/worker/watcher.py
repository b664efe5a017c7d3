"""Looks for what is unusual, beside the other loops: seconds of reading hold up no deadline and no beat."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from nbkeep.anomalies.gpus import LOOK_EVERY_S as GPUS_EVERY_S
from nbkeep.anomalies.gpus import Gpus
from nbkeep.anomalies.raise_alarms import LOOK_EVERY_S, Watch
from nbkeep.anomalies.values import KINDS

if TYPE_CHECKING:
    from collections.abc import Callable

    from nbkeep.anomalies.values import Kind
    from nbkeep.sessions.interface import Parts


@dataclass
class Watcher:
    """The looks of one office: alarms every five minutes, GPUs every minute."""

    parts: Parts
    step: Callable[[str, Callable[[], object]], bool]
    _gpus: Gpus = field(default_factory=Gpus)
    _watch: Watch | None = None
    _done_at_s: dict[str, float] = field(default_factory=dict[str, float])

    def round(self) -> None:
        """Do what is due. A step that fails is logged, and comes again when it is due."""
        parts = self.parts
        if self._is_due("gpus", GPUS_EVERY_S):
            self.step("GPUs", lambda: self._gpus.look(parts.store, parts.clock, parts.backend))
        if self._is_due("alarms", LOOK_EVERY_S):
            for kind in KINDS:
                self.step(f"alarms about {kind}", lambda kind=kind: self._look(kind))

    def _look(self, kind: Kind) -> None:
        if self._watch is None:
            self._watch = Watch(self.parts.settings.currency)
        self._watch.look(self.parts.store, self.parts.clock, kind)

    def _is_due(self, name: str, every_s: float) -> bool:
        now_s, before_s = self.parts.clock.monotonic_s(), self._done_at_s.get(name)
        if before_s is not None and now_s - before_s < every_s:
            return False
        self._done_at_s[name] = now_s
        return True
