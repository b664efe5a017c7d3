"""What tests of metrics ask: one scrape, read as Prometheus' own library reads it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from prometheus_client.parser import text_string_to_metric_families

from gateway_parts import make_gateway
from nbkeep.audit.checkpoints import make_checkpoint
from nbkeep.audit.signing import keys_of
from nbkeep.doors.worker.loops import Worker
from nbkeep.forwarding import destinations
from nbkeep.forwarding.rules import syslog
from nbkeep.inference.values import TOTAL
from nbkeep.model.actor import OPERATOR
from nbkeep.store.model_tables import ModelSpendingRow
from office_parts import OfficeForTests, client_for

if TYPE_CHECKING:
    from fastapi import FastAPI

OPERATOR_TOKEN = "operator-token-of-this-test"


@dataclass
class Scrape:
    """The samples of one scrape: name, labels, value."""

    text: str

    def __post_init__(self) -> None:
        self.samples = [
            (one.name, dict(one.labels), one.value)
            for family in text_string_to_metric_families(self.text)
            for one in family.samples
        ]
        self.names = {name for name, _, _ in self.samples}

    def labels_of(self, name: str) -> set[str]:
        return {label for found, labels, _ in self.samples if found == name for label in labels}

    def value(self, name: str, **labels: str) -> float:
        """Return the sum of all series with this name and these labels."""
        return sum(
            value for found, has, value in self.samples if found == name and labels.items() <= has.items()
        )


def scrape(app: FastAPI) -> Scrape:
    """Scrape an office as its operator."""
    answer = client_for(app, OPERATOR_TOKEN).get("/metrics")
    assert answer.status_code == 200, answer.text
    return Scrape(answer.text)


def busy(office: OfficeForTests) -> None:
    """Let there be at least one of everything that is counted."""
    jane = office.user()
    office.ready(jane)
    gateway = make_gateway(office)
    gateway.report(gateway.record(office.ready(jane), bytes_out=70, bytes_in=700))
    with office.store.write() as tx:
        destinations.add(
            tx, office.clock, office.settings, OPERATOR, name="siem",
            place=syslog("siem.acme.com:6514"), from_start=True,
        )  # fmt: skip
        tx.add(
            ModelSpendingRow(
                scope=TOTAL, month=f"{office.clock.now():%Y-%m}", spent=5, warned_of="", ended_of=""
            )
        )
    make_checkpoint(office.store, office.clock, keys_of(office.settings))
    worker = Worker(office)
    worker.round()
    worker.step("reconcile", lambda: 1 / 0)
