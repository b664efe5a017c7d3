"""Connections and datasets in the configuration. What one of them is stays: another place is another one.

Their secrets are named and have to be there: a file has no values.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import select

from nbkeep.connections import change as connections
from nbkeep.connections import parse as connection_parse
from nbkeep.connections.records import grants_of, list_connections
from nbkeep.data import change as datasets
from nbkeep.data import parse as data_parse
from nbkeep.data.records import list_datasets
from nbkeep.grants.take_out import take_out_connection, take_out_dataset
from nbkeep.model.actor import OPERATOR
from nbkeep.model.errors import invalid
from nbkeep.model.grantee import parse_grantee
from nbkeep.store.tables import SecretRow, UserRow
from nbkeep.vault.change import source_of
from nbkeep.vault.place import needed_place
from nbkeep.vault.references import role_path

from .section import Entry, WholeSection, Work, check_fields, text, texts

if TYPE_CHECKING:
    from collections.abc import Mapping

    from nbkeep.store.data_tables import DatasetRow
    from nbkeep.store.database import Tx
    from nbkeep.store.tables import DeclaredConnectionRow

_REASON = "configuration applied"
_CONNECTION_FIELDS = (
    "name", "postgres", "tcp", "local_port", "database", "role", "tls", "vault_role", "secret", "grants",
)  # fmt: skip
_DATASET_FIELDS = (
    "name", "s3", "classification", "purpose", "owner", "region", "endpoint", "samples", "secret",
)  # fmt: skip


class Connections(WholeSection):
    """Declared connections, and to whom they are granted."""

    name, kind, is_leaf = "connections", "connection", True

    def entries(self, work: Work) -> list[Entry]:
        """Return all connections."""
        return [_connection(work.tx, row) for row in list_connections(work.tx, OPERATOR)]

    def put(self, work: Work, wanted: Mapping[str, Any], before: Entry | None) -> Entry:
        """Declare one, or change to whom it is granted."""
        after = _whole_connection(wanted)
        if before is None:
            told = {key: value for key, value in after.items() if key not in {"secret", "grants"}}
            declared = connection_parse.declared(**told)
            made = None
            if role := after.get("vault_role"):
                needed_place(work.settings)
                # Whether the Vault makes logins by it shows when the first session asks: nothing waits here.
                made = (source_of(work.settings), connection_parse.made_binding(declared, role))
            connections.add_connection(
                work.tx,
                work.clock,
                work.actor,
                declared,
                secret=after.get("secret"),
                made=made,
                grants=after["grants"],
            )
            return after
        for one in sorted(set(after["grants"]) - set(before["grants"])):
            connections.grant_connection(work.tx, work.clock, work.actor, after["name"], one)
        for one in sorted(set(before["grants"]) - set(after["grants"])):
            connections.ungrant_connection(work.tx, work.clock, work.actor, after["name"], one)
        return after

    def delete(self, work: Work, name: str) -> None:
        """Remove one; what is granted of it ends, its secret stays."""
        take_out_connection(work.tx, work.clock, work.actor, name, _REASON)

    def is_another(self, wanted: Mapping[str, Any], before: Entry) -> bool:
        """Tell whether it leads elsewhere, in another way, or with another password."""
        return {**_whole_connection(wanted), "grants": []} != {**before, "grants": []}


class Datasets(WholeSection):
    """The catalogue of datasets."""

    name, kind, is_leaf = "datasets", "dataset", True

    def entries(self, work: Work) -> list[Entry]:
        """Return all datasets."""
        return [_dataset(work.tx, row) for row in list_datasets(work.tx, OPERATOR)]

    def put(self, work: Work, wanted: Mapping[str, Any], before: Entry | None) -> Entry:
        """Publish one. One that is there already is the same, or it would have been taken out."""
        after = _whole_dataset(wanted)
        if before is None:
            source = data_parse.source(
                after["name"],
                after["s3"],
                after["classification"],
                region=after["region"],
                endpoint=after["endpoint"],
                samples=after["samples"],
            )
            datasets.add_dataset(
                work.tx,
                work.clock,
                work.actor,
                source,
                purpose=after["purpose"],
                owner=after["owner"],
                secret=after.get("secret"),
            )
        return after

    def delete(self, work: Work, name: str) -> None:
        """Take one out; what is granted of it ends."""
        take_out_dataset(work.tx, work.clock, work.actor, name, _REASON)

    def is_another(self, wanted: Mapping[str, Any], before: Entry) -> bool:
        """Tell whether anything of it differs: whoever was granted it was granted what it is now."""
        return _whole_dataset(wanted) != before


def _connection(tx: Tx, row: DeclaredConnectionRow) -> Entry:
    found: Entry = {"name": row.name, row.kind: f"{row.host}:{row.port}", "local_port": row.local_port}
    if row.kind == "postgres":
        found |= {"database": row.database_name, "role": row.role, "tls": row.tls}
    if row.secret_id:
        secret = tx.get_one(SecretRow, row.secret_id)
        if path := role_path(secret.source):
            found["vault_role"] = path
            del found["role"]
        else:
            found["secret"] = secret.name
    return found | {"grants": grants_of(tx, row.id)}


def _whole_connection(wanted: Mapping[str, Any]) -> Entry:
    """Return what a document says of a connection, with what it leaves out; raise `Refused` (400)."""
    check_fields("connections", wanted, _CONNECTION_FIELDS)
    port = wanted.get("local_port")
    if port is not None and (not isinstance(port, int) or isinstance(port, bool)):
        raise invalid("connections", f"{wanted['name']}: local_port is not a number: {port!r:.100}.")
    given = {
        key: text("connections", wanted, key)
        for key in ("postgres", "tcp", "database", "role", "tls", "vault_role")
        if key in wanted
    }
    one = connection_parse.declared(wanted["name"], local_port=port, **given)
    found: Entry = {"name": one.name, one.kind: f"{one.host}:{one.port}", "local_port": one.local_port}
    if one.kind == "postgres":
        found |= {"database": one.database, "role": one.role, "tls": one.tls}
    if "vault_role" in given:
        found["vault_role"] = role_path(connection_parse.made_binding(one, given["vault_role"]).source)
        del found["role"]
    if "secret" in wanted:
        found["secret"] = text("connections", wanted, "secret")
    return found | {"grants": sorted({parse_grantee(one) for one in texts("connections", wanted, "grants")})}


def _dataset(tx: Tx, row: DatasetRow) -> Entry:
    owner = tx.scalar(select(UserRow.name).where(UserRow.id == row.owner_id)) or ""
    found: Entry = {
        "name": row.name,
        "s3": f"s3://{row.bucket}/{row.prefix}",
        "classification": row.classification,
        "purpose": row.purpose,
        "owner": owner,
        "region": row.region,
        "endpoint": f"https://{row.host}:{row.port}",
        "samples": list(row.samples),
    }
    if row.secret_id:
        found["secret"] = tx.get_one(SecretRow, row.secret_id).name
    return found


def _whole_dataset(wanted: Mapping[str, Any]) -> Entry:
    check_fields("datasets", wanted, _DATASET_FIELDS)
    said = {key: text("datasets", wanted, key) for key in _DATASET_FIELDS if key not in {"samples", "secret"}}
    one = data_parse.source(
        wanted["name"],
        said["s3"],
        said["classification"],
        region=said["region"],
        endpoint=said["endpoint"],
        samples=texts("datasets", wanted, "samples"),
    )
    found: Entry = {
        "name": one.name,
        "s3": f"s3://{one.bucket}/{one.prefix}",
        "classification": one.classification,
        "purpose": data_parse.purpose(said["purpose"]),
        "owner": said["owner"],
        "region": one.region,
        "endpoint": f"https://{one.host}:{one.port}",
        "samples": list(one.samples),
    }
    if "secret" in wanted:
        found["secret"] = text("datasets", wanted, "secret")
    return found
