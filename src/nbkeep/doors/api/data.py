"""/api/v1/datasets: the catalogue of datasets."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field

from nbkeep.data import change, parse
from nbkeep.data.records import find_dataset, list_datasets
from nbkeep.data.view import dataset_view
from nbkeep.grants.take_out import take_out_dataset

from .auth import ActorDep, OfficeDep

router = APIRouter(tags=["datasets"])


class DatasetWanted(BaseModel):
    """A dataset to publish. What is below `s3` is reached, and nothing beside it."""

    model_config = ConfigDict(extra="forbid")

    name: str = Field(max_length=100, examples=["sales"])
    s3: str = Field(max_length=1200, examples=["s3://lake/sales"])
    classification: str = Field(max_length=20, examples=["confidential"])
    owner: str = Field(max_length=60, examples=["jane"], description="Who decides about requests")
    purpose: str = Field(max_length=2000, examples=["Quarterly report"])
    samples: list[str] = Field(default_factory=list[str], max_length=100, examples=[["2026-01/*.parquet"]],
                               description="Patterns of keys that need no grant")  # fmt: skip
    secret: str | None = Field(None, max_length=100, description="Name or id of the keys that read it")
    region: str = Field("", max_length=60, examples=["eu-central-1"])
    endpoint: str = Field("", max_length=300, examples=["https://s3.acme.local:9000"],
                          description="A server that speaks S3; AWS's own if not given")  # fmt: skip


@router.get("/datasets", summary="List datasets")
def list_all(office: OfficeDep, actor: ActorDep) -> dict[str, Any]:
    """Return the catalogue; where a dataset lies, only to its owner and to admins."""
    with office.store.read() as tx:
        items = [dataset_view(tx, actor, row) for row in list_datasets(tx, actor)]
    return {"items": items, "next": None}


@router.post("/datasets", status_code=201, summary="Publish a dataset")
def add(wanted: DatasetWanted, office: OfficeDep, actor: ActorDep) -> dict[str, Any]:
    """Publish a dataset. Sessions that run may read what is theirs of it within a second."""
    source = parse.source(
        wanted.name,
        wanted.s3,
        wanted.classification,
        region=wanted.region,
        endpoint=wanted.endpoint,
        samples=wanted.samples,
    )
    with office.store.write() as tx:
        row = change.add_dataset(tx, office.clock, actor, source, purpose=wanted.purpose, owner=wanted.owner,
                                 secret=wanted.secret)  # fmt: skip
        return dataset_view(tx, actor, row)


@router.get("/datasets/{which}", summary="Show a dataset")
def show(which: str, office: OfficeDep, actor: ActorDep) -> dict[str, Any]:
    """Return one dataset."""
    with office.store.read() as tx:
        return dataset_view(tx, actor, find_dataset(tx, actor, which))


@router.delete("/datasets/{which}", status_code=204, summary="Take a dataset out")
def remove(
    which: str, office: OfficeDep, actor: ActorDep, reason: Annotated[str, Query(max_length=500)] = ""
) -> None:
    """Take a dataset out; what is being read is cut within a second. Its objects and its secret stay.

    What is asked for of it is denied, what was granted ends.
    """
    with office.store.write() as tx:
        take_out_dataset(tx, office.clock, actor, which, reason)
