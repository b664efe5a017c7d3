"""The websocket between JupyterLab and a kernel: each request to execute is recorded before it goes on.

What is forwarded is what was recorded: header and content are written anew from the parsed form, so that no
kernel can read a doubled key differently than the record does.
"""

# pyright: reportUnknownMemberType=false, reportIncompatibleMethodOverride=false, reportUnknownArgumentType=false
# pyright: reportUnknownVariableType=false, reportAttributeAccessIssue=false

from __future__ import annotations

import asyncio
import json
import struct
from typing import TYPE_CHECKING, Any, cast

import orjson
from jupyter_server.services.kernels.connection.base import (
    deserialize_binary_message,
    deserialize_msg_from_ws_v1,
    serialize_msg_to_ws_v1,
)
from jupyter_server.services.kernels.connection.channels import ZMQChannelsWebsocketConnection

from nbkeep_runtime.server.identity import show_out
from nbkeep_runtime.server.pause import Held
from nbkeep_runtime.server.recorder import RUNS_NOTHING, runs_code

if TYPE_CHECKING:
    from nbkeep_runtime.server.session import Session

_V1 = "v1.kernel.websocket.jupyter.org"
_CHANNELS = {"shell", "control", "stdin"}
# What a client sends without its user doing anything: it waits, and wakes no session that is paused.
_ASKED_BY_ITSELF = frozenset({"comm_info_request", "history_request", "kernel_info_request"})
# Pauses between the questions to a kernel whose subscription is not there yet, and all later ones.
_NUDGES_S = (0.005, 0.01, 0.015, 0.025, 0.04, 0.06, 0.09, 0.13)
_NUDGE_S = 0.5
_NOT_RECORDED = (
    "Not run: this execution could not be recorded, because the platform's disk does not take the record."
    " Try again; tell an admin if it stays so."
)
_ENDING = (
    "Not run: this session is about to end, and its variables are being saved. Resume the session to go on."
)


class RecordedConnection(ZMQChannelsWebsocketConnection):
    """One client of one kernel."""

    _visit: asyncio.Task[None] | None = None
    _nudging: asyncio.Task[None] | None = None
    _has_seen_junk = False
    _is_gone = False

    @property
    def _parts(self) -> Session:
        return self.websocket_handler.settings["nbkeep_session"]

    @property
    def client(self) -> str:
        """Return the id by which the client names itself in its messages."""
        return str(self.session.session)

    async def prepare(self) -> None:
        """Have the kernel answer before the websocket is opened; a paused session goes on for that."""
        async with self._parts.at_work():
            await super().prepare()

    def connect(self) -> Any:
        """Begin to forward, and count this client as present."""
        self._parts.clients.add(self)
        self._visit = asyncio.create_task(show_out(self.websocket_handler))
        return super().connect()

    def nudge(self) -> asyncio.Future[None]:
        """Return what is done once the kernel answers, and is heard by this client and by what watches it.

        As the base class does, by asking until that is so, but with shorter pauses: it asks each half second,
        and looks every 50 ms. A busy kernel is not asked.
        """
        kernel: Any = self.kernel_manager
        if kernel.execution_state == "busy":
            done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            done.set_result(None)
            return done
        self._nudging = asyncio.create_task(self._nudge())
        return self._nudging

    async def _nudge(self) -> None:
        kernel: Any = self.kernel_manager
        control, iopub = kernel.connect_control(), self.channels["iopub"]
        ports, pauses = list(kernel.ports), iter(_NUDGES_S)
        both = asyncio.gather(_first(iopub), _first(control))
        try:
            async with asyncio.timeout(self.kernel_info_timeout):
                # Not gone, not restarted behind other sockets, not closed: else nobody would ever answer.
                while self._is_open(ports) and not control.closed():
                    self.session.send(control, "kernel_info_request")
                    pause_s = next(pauses, _NUDGE_S)
                    await (asyncio.sleep(pause_s) if both.done() else asyncio.wait([both], timeout=pause_s))
                    if both.done() and kernel.execution_state != "starting":
                        return
        except TimeoutError:
            self.log.warning("Kernel %s does not answer; connected all the same", self.kernel_id)
        finally:
            both.cancel()
            control.close()
            if not (iopub.closed() or self._is_gone):
                iopub.stop_on_recv()

    def _is_open(self, ports: list[int]) -> bool:
        kernel: Any = self.kernel_manager
        is_there = self.kernel_id in self.multi_kernel_manager and list(kernel.ports) == ports
        return is_there and not self._is_gone

    def disconnect(self) -> None:
        """Stop forwarding; output goes on being kept."""
        self._is_gone = True
        self._parts.clients.remove(self)
        if self._visit is not None:
            self._visit.cancel()
        super().disconnect()
        if self._nudging is not None and not self._nudging.done():
            self.channels = {}  # they are kept for the next client: this one must not listen to them any more

    def handle_incoming_message(self, incoming_msg: str | bytes) -> None:
        """Record what will be executed, then forward; a malformed message is dropped."""
        if not self.channels:
            return
        try:
            channel, frames = self._frames(incoming_msg)
            header: Any = orjson.loads(frames[0])
            kind = header["msg_type"]
        except (ValueError, TypeError, LookupError, AttributeError, struct.error) as error:
            self.log.warning("Dropped a malformed message to a kernel: %s", error)
            return
        if channel not in _CHANNELS or not isinstance(kind, str):
            self.log.warning("Dropped a message to a kernel for channel %r", channel)
            return
        held = Held(
            lambda: self.handle_incoming_message(incoming_msg),
            lambda words: self.tell(words, header),
            lambda words: self._refuse(header, "SessionPaused", words),
        )
        if self._parts.pause.hold(held, wakes=kind not in _ASKED_BY_ITSELF):
            return
        if channel == "shell" and self._parts.kept.hold(
            self.kernel_id, lambda: self.handle_incoming_message(incoming_msg)
        ):
            return
        frames[0] = orjson.dumps(header)
        if kind == "input_reply":
            self._parts.activity.user_did_something()
        elif kind not in RUNS_NOTHING and not self._record(channel, header, frames):
            return
        self.session.send_raw(self.channels[channel], frames)

    def _frames(self, message: str | bytes) -> tuple[str, list[bytes]]:
        """Return the channel and the message's parts as bytes, whichever protocol the client speaks."""
        if self.subprotocol == _V1:
            channel, frames = deserialize_msg_from_ws_v1(message)
            return channel, [bytes(frame) for frame in frames]
        loaded: Any = (
            deserialize_binary_message(message) if isinstance(message, bytes) else json.loads(message)
        )
        msg = cast("dict[str, Any]", loaded)
        names = ("header", "parent_header", "metadata", "content")
        frames = [orjson.dumps(msg.get(name) or {}) for name in names]
        return msg.pop("channel", None) or "shell", [*frames, *(msg.get("buffers") or [])]

    def _record(self, channel: str, header: dict[str, Any], frames: list[bytes]) -> bool:
        try:
            metadata: Any = orjson.loads(frames[2])
            content: Any = orjson.loads(frames[3])
        except (orjson.JSONDecodeError, IndexError):
            self.log.warning("Dropped an execution whose content is no JSON")
            return False
        if not isinstance(metadata, dict) or not isinstance(content, dict):
            return False
        content = cast("dict[str, Any]", content)
        frames[3] = orjson.dumps(content)
        if not runs_code(header, content):
            return True
        if self._parts.kept.is_ending:
            self._refuse(header, "SessionEnds", _ENDING)
            return False
        try:
            self._parts.execution_requested(
                self.kernel_id, channel, header, cast("dict[str, Any]", metadata), content
            )
        except OSError as error:
            self.log.error("An execution was refused, because it cannot be recorded: %s", error)
            self._refuse(header, "NotRecorded", _NOT_RECORDED)
            return False
        return True

    def _refuse(self, header: dict[str, Any], name: str, text: str) -> None:
        """Answer in the kernel's place, so that the cell does not wait for ever."""
        self.tell(text, header)
        reply = {"status": "error", "ename": name, "evalue": text, "traceback": [text]}
        self._say("shell", self.session.msg("execute_reply", reply, parent=header))
        self._say("iopub", self.session.msg("status", {"execution_state": "idle"}, parent=header))

    def tell(self, text: str, parent: dict[str, Any]) -> None:
        """Show a sentence in the output of the cell that sent `parent`."""
        content = {"name": "stderr", "text": f"{text}\n"}
        self._say("iopub", self.session.msg("stream", content, parent=parent))

    def _say(self, channel: str, message: dict[str, Any]) -> None:
        if self.subprotocol == _V1:
            self.write_message(serialize_msg_to_ws_v1(message, channel, self.session.pack), binary=True)
        else:
            self.write_message(json.dumps({**message, "channel": channel}, default=str))

    def handle_outgoing_message(self, stream: Any, outgoing_msg: list[Any]) -> None:
        """Forward a kernel's message; replies end records."""
        if getattr(stream, "channel", None) in {"control", "shell"}:
            self._parts.kernel_replied(self.kernel_id, outgoing_msg)
        if _is_own_status(stream, outgoing_msg):
            return
        try:
            super().handle_outgoing_message(stream, outgoing_msg)
        except Exception as error:  # noqa: BLE001  # the kernel decides what it sends
            # An error here would leave the stream unread: the client would wait for what follows for ever.
            if not self._has_seen_junk:
                self._has_seen_junk = True
                self.log.warning("Dropped a malformed message of a kernel, and more to come: %r", error)


def _first(stream: Any) -> asyncio.Future[None]:
    """Return what is done when a stream's next message is there."""
    heard: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def hear(_frames: list[Any]) -> None:
        if not heard.done():
            heard.set_result(None)

    stream.on_recv(hear)
    return heard


def _is_own_status(stream: Any, frames: list[Any]) -> bool:
    """Tell whether a kernel says that it is busy for us: saving must not look like a cell that runs."""
    if getattr(stream, "channel", None) != "iopub":
        return False
    start = next((index for index, frame in enumerate(frames) if bytes(frame) == b"<IDS|MSG>"), len(frames))
    header, parent = frames[start + 2 : start + 4] or (b"", b"")
    return b'"status"' in bytes(header) and b'"nbkeep_' in bytes(parent)
