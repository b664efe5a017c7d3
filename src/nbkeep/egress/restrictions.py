"""Rules about some requests to a host: found by host, then by the beginning of the path. Pure."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from .paths import Pattern, first_segment, folded

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .values import Rule


class Restrictions:
    """All rules of one effect that name methods or paths; a look-up does not grow with their number.

    `fold`: letters are compared without their case, as for what is denied.
    """

    def __init__(self, rules: list[Rule], *, fold: bool = False) -> None:
        self.is_empty = not rules
        self._hosts: dict[str, _Host] = defaultdict(lambda: _Host(fold=fold))
        for rule in rules:
            self._hosts[rule.host].add(rule)

    def about(self, host: str, port: int) -> Iterator[Rule]:
        """Yield a few of the rules about a host, or none where there is none; the closest first."""
        for found in self._of(host):
            yield from found.covering(port)

    def examples(self, what: str, host: str, port: int) -> Iterator[Rule]:
        """Yield a few of the rules about a host that have `methods`, or a `path`."""
        for found in self._of(host):
            if what in found.examples and found.covering(port):
                yield found.examples[what]

    def matching(self, host: str, port: int, method: str, path: str | None) -> Iterator[Rule]:
        """Yield the rules that name this request, the closest hosts first; `path`: plain, None for none."""
        for found in self._of(host):
            yield from found.matching(port, method, path)

    def _of(self, host: str) -> Iterator[_Host]:
        if self.is_empty:
            return
        if host in self._hosts:
            yield self._hosts[host]
        dot = host.find(".")
        while dot >= 0:
            if (below := f"*{host[dot:]}") in self._hosts:
                yield self._hosts[below]
            dot = host.find(".", dot + 1)


class _Host:
    """The rules about one host, or about all below one."""

    def __init__(self, *, fold: bool) -> None:
        self._fold = fold
        self._by_port: dict[int, Rule] = {}  # one for each; 0: any
        self.examples: dict[str, Rule] = {}
        self._by_segment: dict[str | None, list[tuple[Pattern | None, Rule]]] = defaultdict(list)

    def add(self, rule: Rule) -> None:
        for port in rule.ports or (0,):
            if rule.firm or port not in self._by_port:
                self._by_port[port] = rule
        for what, is_there in (("methods", rule.methods), ("path", rule.path)):
            if is_there and (rule.firm or what not in self.examples):
                self.examples[what] = rule
        pattern = Pattern.of(rule.path, fold=self._fold) if rule.path else None
        self._by_segment[pattern.beginning if pattern else None].append((pattern, rule))

    def covering(self, port: int) -> list[Rule]:
        return [self._by_port[one] for one in (port, 0) if one in self._by_port]

    def matching(self, port: int, method: str, path: str | None) -> Iterator[Rule]:
        if path is not None and self._fold:
            path = folded(path)
        segments = (None,) if path is None else (first_segment(path), None)
        for segment in segments:
            for pattern, rule in self._by_segment.get(segment, ()):
                if (
                    (not rule.ports or port in rule.ports)
                    and (not rule.methods or method in rule.methods)
                    and (pattern is None or (path is not None and pattern.matches(path)))
                ):
                    yield rule
