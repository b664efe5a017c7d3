"""A gateway with datasets in a whole stand-in of S3, and programs that read them as in a session."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from egress_parts import SESSION, Authority
from keyed_parts import Keyed
from moto_parts import BUCKET, REGION, Aws, aws
from nbkeep.data.endpoint import Datasets
from nbkeep.data.values import Reader, Source, Told
from nbkeep.egress.authority import upstream_context
from nbkeep.egress.gateway import Gateway
from nbkeep.egress.keyed import Keys
from nbkeep.egress.leases import Leases
from nbkeep.model.clock import ManualClock, SystemClock
from nbkeep.model.errors import Unavailable

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable
    from pathlib import Path

SAMPLES = ("2026-01/*.csv",)
OBJECTS = {
    "sales/2026-01/a.csv": b"n,m\n1,2\n3,4\n",
    "sales/2026-01/b c+d.csv": b"n\n5\n",
    "sales/2026-01/deep/x.csv": b"deep",
    "sales/2026-02/a.csv": b"n\n6\n",
    "sales/2026-02/big.bin": bytes(range(256)) * 4096,
    "sales-secret/salaries.csv": b"name,salary",
    "other/x.csv": b"not yours",
    "Sales/2026-01/a.csv": b"another case",
}


@dataclass
class Reading(Keyed):
    """`publish` puts datasets in force, `reader` says who a session is; `reported` is what the office heard."""

    datasets: Datasets = field(init=False)
    reported: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])
    moments: ManualClock = field(default_factory=lambda: ManualClock(datetime.now(UTC)))
    told: Told = field(default_factory=Told)

    def _make(self) -> Gateway:
        leases = Leases(self.office.value, self.beats)
        self.keys = Keys(leases, SystemClock(), self.roots)
        gateway = Gateway(self.policies, self.names, self.kept, limits=self.limits, keys=self.keys)
        context = upstream_context(self.roots)
        self.datasets = Datasets(leases, context, self.moments, self._report, gateway.recheck)
        gateway.local = self.datasets
        return gateway

    async def _report(self, session_id: str, dataset_id: str) -> None:
        if self.office.is_away:
            raise Unavailable("office-away", "The office does not answer.")
        self.reported.append((session_id, dataset_id))

    def publish(self, *sources: Source) -> None:
        self.told = replace(self.told, sources=sources)
        self.call(self.datasets.take, self.told)

    def reader(
        self,
        session_id: str = SESSION,
        *,
        ceiling: str = "pii",
        granted: Iterable[str] = (),
        lasts_s: float = 600,
    ) -> None:
        until = (self.moments.now() + timedelta(seconds=lasts_s)).isoformat()
        lease = next(one.lease_id for one in self.leases if one.session_id == session_id)
        made = Reader(ceiling, dict.fromkeys(granted, until), {"sec_lake": lease})
        self.told = replace(self.told, readers={**self.told.readers, session_id: made})
        self.call(self.datasets.take, self.told)

    def read(
        self,
        path: str,
        headers: dict[str, str] | None = None,
        *,
        host: str = "sales.data.nbkeep",
        method: str = "GET",
        session_id: str = SESSION,
        body: bytes = b"",
    ) -> tuple[int, dict[str, str], bytes]:
        """Send one request as programs with a proxy do; return status, headers, body."""
        lines = [f"{method} http://{host}{path} HTTP/1.1", f"Host: {host}"]
        lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
        answer = self.ask("\r\n".join([*lines, "", ""]).encode() + body, session_id)
        head, _, rest = answer.partition(b"\r\n\r\n")
        first, *others = head.decode("latin-1").split("\r\n")
        told = dict(one.split(": ", 1) for one in others)
        return (
            int(first.split(" ")[1]),
            {name.lower(): value for name, value in told.items()},
            _body(told, rest),
        )


def _body(told: dict[str, str], rest: bytes) -> bytes:
    if not any(name.lower() == "transfer-encoding" for name in told):
        return rest
    data = b""
    while rest:
        size, _, rest = rest.partition(b"\r\n")
        count = int(size, 16)
        data, rest = data + rest[:count], rest[count + 2 :]
    return data


def sales(cloud: Aws, name: str = "sales", **more: Any) -> Source:
    """Return the dataset that tests read."""
    made = Source(f"dat_{name}", name, "confidential", "127.0.0.1", cloud.port, BUCKET, "sales/", REGION, SAMPLES,
                  "sec_lake")  # fmt: skip
    return replace(made, **more)


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority.make(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def cloud(authority: Authority) -> Generator[Aws]:
    with aws(authority) as found:
        own = found.own("s3", authority)
        for key, data in OBJECTS.items():
            own.put_object(Bucket=BUCKET, Key=key, Body=data)
        yield found


@pytest.fixture
def reading(tmp_path: Path, authority: Authority, cloud: Aws) -> Generator[Reading]:
    """A session that may read the sample of the dataset "sales", and nothing else."""
    found = Reading(tmp_path, roots=authority.file)
    found.reach()
    found.add(
        f"127.0.0.1:{cloud.port}", kind="s3", place=REGION, template="s3", value=cloud.value, name="lake"
    )
    found.publish(sales(cloud))
    found.reader()
    yield found
    found.end()
