"""Calls that reach something: files, addresses, the environment, what is shown."""

from __future__ import annotations

import ast
from dataclasses import replace

from . import known, places
from .methods import Known, Local, is_sequence
from .telling import FETCHED, Call, Teller, as_text, shown_name
from .values import DANGEROUS, NOTABLE, heavier

_INTO_FILES = frozenset({
    "urllib.request.urlretrieve", "wget.download", "gdown.download", "torch.hub.download_url_to_file",
    "tensorflow.keras.utils.get_file", "keras.utils.get_file",
})  # fmt: skip
_TARGETS = frozenset({"filename", "out", "output", "dst", "fname"})


class ReachingCalls(Teller):
    """Tells of calls that reach something."""

    def _way_read(self, call: Call) -> None:
        texts = self.constants.texts(call.first)
        for one in texts:
            self.path(call.node, one, call.means.words, writes=False)
        if not texts:
            self.tell(call, call.weight, " a file whose name is made while it runs")

    def _way_open(self, call: Call) -> None:
        mode_node = (
            call.node.args[1]
            if len(call.node.args) > 1
            else next((one.value for one in call.node.keywords if one.arg == "mode"), None)
        )
        modes = [str(one.value) for one in self.constants.texts(mode_node)]
        writes = any(one in mode for mode in modes for one in "wax+") or (mode_node is not None and not modes)
        texts = self.constants.texts(call.first)
        for one in texts:
            self.path(call.node, one, "writes" if writes else "reads", writes=writes)
            if writes:
                self.found.trail.writes(as_text(one.value), self.spot.cell)
        if not texts:
            verb = "writes" if writes else "reads"
            told = f"{call.trick}{verb} a file whose name is made while it runs"
            self.add("files", call.weight, call.node, told)

    def _way_write(self, call: Call) -> None:
        node, first = call.node, call.first
        second = node.args[1] if len(node.args) > 1 else None
        if call.callee.name in {"….write_text", "….write_bytes"} and isinstance(node.func, ast.Attribute):
            first = node.func.value
        elif (
            call.callee.name.endswith(".dump") or call.callee.name == "torch.save"
        ):  # the object stands first
            first = second
        texts = [one for one in self.constants.texts(first) if isinstance(one.value, str)]
        for one in texts:
            self.path(node, one, call.means.words, writes=True)
            if call.callee.name == "os.chmod":
                self.found.trail.runs(one.value, self.at(node), self.code(node), "makes a program of")
            elif second is None and self.is_made_of(call.first, FETCHED):
                self.found.trail.fetches(one.value, "elsewhere")
        if not texts:
            self.tell(call, call.weight, " a file")

    def _way_delete(self, call: Call) -> None:
        texts = self.constants.texts(call.first)
        for one in texts:
            is_wide = one.value in {"/", "~", ".", "..", "~/"}
            self.path(
                call.node, one, call.means.words, writes=True, least=DANGEROUS if is_wide else call.weight
            )
        if not texts:
            self.tell(call, call.weight, " whose name is made while it runs")

    def _way_move(self, call: Call) -> None:
        second = call.node.args[1] if len(call.node.args) > 1 else None
        texts = [*self.constants.texts(call.first), *self.constants.texts(second)]
        for at, one in enumerate(texts):
            self.path(call.node, one, call.means.words, writes=at > 0 or second is None)
        if not texts:
            self.tell(call, call.weight, " files whose names are made while it runs")

    def _way_address(self, call: Call) -> None:
        self._reach(call)

    def _way_send(self, call: Call) -> None:
        asks = {"requests.request", "requests.Session().request", "httpx.request"}
        is_second = call.callee.name in asks and len(call.node.args) > 1  # the method stands first
        self._reach(replace(call, first=call.node.args[1]) if is_second else call)

    def _reach(self, call: Call) -> None:
        texts = [one for one in self.constants.texts(call.first) if isinstance(one.value, str)]
        for one in texts:
            address = one.value
            heavy, word = places.weight_of_address(address)
            host = places.host_of(address) if "://" in address else address
            self._fetched_into(call, host)
            said = f"{host}{f', {word}' if word else ''}{f': {address}' if '://' in address else ''}"
            self.tell(call, heavier(heavy, call.weight), f" {said}", one.how)
        if not texts:
            hidden = call.weight if not self.is_made_of(call.first, ("decoded()",)) else DANGEROUS
            self.tell(call, hidden, " an address that is made while it runs")

    def _fetched_into(self, call: Call, host: str) -> None:
        """Remember the file into which a call fetches something."""
        if call.callee.name not in _INTO_FILES:
            return
        given = [*call.node.args[1:2], *(one.value for one in call.node.keywords if one.arg in _TARGETS)]
        for one in (one for node in (*given, call.first) for one in self.constants.texts(node)):
            self.found.trail.fetches(as_text(one.value), host)

    def _way_setenv(self, call: Call) -> None:
        second = call.node.args[1] if len(call.node.args) > 1 else None
        for one in self.constants.texts(call.first):
            self.sets_variable(call.node, str(one.value), second)

    def _way_markup(self, call: Call) -> None:
        for one in self.constants.texts(call.first):
            self.reader.markup(as_text(one.value), self.hidden_spot(call.node, one))

    def _way_bundle(self, call: Call) -> None:
        """Read what is shown as it is: `display` does that only with `raw`."""
        is_raw = any(
            one.arg == "raw" and not (isinstance(one.value, ast.Constant) and not one.value.value)
            for one in call.node.keywords
        )
        if (is_raw or not call.callee.name.endswith("display")) and call.first is not None:
            self.bundle_of(call.first)

    def bundle_of(self, node: ast.expr) -> None:
        """Read a table of what is shown, by its kinds; of one that was made elsewhere, all texts in it."""
        if isinstance(node, ast.Dict):
            for key, value in zip(node.keys, node.values, strict=True):
                mimes = [as_text(one.value) for one in self.constants.texts(key)]
                for one in self.constants.texts(value):
                    self.reader.bundle(mimes[0] if mimes else "", as_text(one.value), self.at(node))
            return
        for value in (one for one in self.constants.of(node) if isinstance(one, Known)):
            for one in value.value if is_sequence(value.value) else (value,):
                if isinstance(one, Known) and isinstance(one.value, (str, bytes)):
                    self.reader.bundle("", as_text(one.value), self.at(node))

    def shown_by(self, name: str, function: Local) -> None:
        """Read what a method such as `_repr_html_` gives to be shown: what it returns, all texts in it."""
        mime = known.SHOWN_BY.get(name)
        if mime is None:
            return
        if not mime:
            tables = [one for one in ast.walk(function.node) if isinstance(one, ast.Dict)]
            for one in tables or function.returns():
                self.bundle_of(one)
            return
        for one in function.returns():
            self._shown(mime, one)
        if mime == "application/javascript":
            if not any(self.constants.texts(one) for one in function.returns()):
                what = f"defines {name}: what it returns runs as script in the browser"
                self.add("active", NOTABLE, function.node, what)
            return
        for one in ast.walk(function.node):
            if isinstance(one, (ast.Constant, ast.JoinedStr, ast.BinOp)):
                self._shown(mime, one)

    def _shown(self, mime: str, node: ast.AST) -> None:
        for one in self.constants.texts(node):
            self.reader.bundle(mime, as_text(one.value), self.at(node))

    def widget_script(self, node: ast.AST, value: ast.AST | None) -> None:
        """Read the script of a widget (anywidget's `_esm`)."""
        texts = self.constants.texts(value)
        for one in texts:
            text = as_text(one.value)
            if places.is_address(text):
                self.add("active", NOTABLE, node, f"loads script of a widget from {places.host_of(text)}")
            else:
                self.reader.script(text, self.hidden_spot(node, one))
        if not texts:
            self.add("active", NOTABLE, node, "has a widget run script in the browser, of a file")

    def _way_script(self, call: Call) -> None:
        texts = self.constants.texts(call.first)
        for one in texts:
            self.reader.script(as_text(one.value), self.hidden_spot(call.node, one))
        if not texts:
            self.add("active", call.weight, call.node, f"{call.means.words} ({shown_name(call.callee)})")
