"""The trusted half of one kernel for `bench_state.py`: the product's own code, in a process of its own.

    python state_peer.py FOLDER

For each line of standard input, "save" or "restore", it prints where it listens, and serves one operation:
encrypted, verified, durable, and named by the index, as in a session.
"""

from __future__ import annotations

import json
import secrets
import socket
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

from nbkeep_runtime.server.state.frames import Frames
from nbkeep_runtime.server.state.hand_out import hand_out
from nbkeep_runtime.server.state.index import Checkpoint, KeptKernel
from nbkeep_runtime.server.state.receive import Received, receive
from nbkeep_runtime.server.state.sealing import Binding, Sealer
from nbkeep_runtime.server.state.store import Store

SLOT = "k-0000000000000000"
_LIMIT_S = 600.0


class TrustedHalf:
    """Keeps one kernel's variables in a folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._store = Store(
            folder / "kept", Sealer(b"k" * 32, Binding("jane", "ses_1", "sha256:1")), 64 << 30
        )

    def serve(self, kind: str) -> None:
        """Print where one operation is to be asked for, and serve it."""
        path, token = str(self._folder / secrets.token_hex(8)), secrets.token_hex(16)
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(path)
            listener.listen(1)
            print(json.dumps({"socket": path, "token": token}), flush=True)
            connection, _ = listener.accept()
        line, _, rest = connection.recv(256).partition(b"\n")
        assert json.loads(line) == {"token": token}
        frames = Frames(connection, rest, time.monotonic() + _LIMIT_S)
        if kind == "save":
            self._commit(receive(frames, self._store, SLOT, lambda: True))
            print("kept", flush=True)
        else:
            assert self._store.index is not None
            kept = self._store.index.kernels[0]
            assert kept.checkpoint is not None
            hand_out(frames, self._store.reader(kept, kept.checkpoint), lambda _size: None)
        frames.close()

    def _commit(self, received: Received) -> None:
        written = received.written
        checkpoint = Checkpoint(
            written.checkpoint_id, datetime.now(UTC).isoformat(timespec="seconds"), received.python,
            written.manifest_pieces, written.stream_pieces, written.bytes, 0, (),
        )  # fmt: skip
        kernel = KeptKernel("kernel", SLOT, "a.ipynb", "python3", "python", checkpoint)
        self._store.commit(lambda _old: [kernel], [])
        self._store.release(SLOT)


def main(folder: str) -> None:
    """Serve until standard input ends."""
    half = TrustedHalf(Path(folder))
    for line in sys.stdin:
        half.serve(line.strip())


if __name__ == "__main__":
    main(sys.argv[1])
