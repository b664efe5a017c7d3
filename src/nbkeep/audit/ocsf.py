"""Records as events of the Open Cybersecurity Schema Framework, version 1.7.0 (https://schema.ocsf.io/1.7.0).

Each type of ours has its line in `KINDS`, or is in `PLAIN` and becomes a Base Event. Our record stands whole
under `unmapped`, so that nothing is lost where the schema has no word for it. Pure.
"""

from __future__ import annotations

import ipaddress
import json
from collections import defaultdict
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

SCHEMA = "1.7.0"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_OTHER = 99
_INFORMATIONAL, _LOW, _MEDIUM, _HIGH = 1, 2, 3, 4
_SUCCESS, _FAILURE = 1, 2

_BASE, _FINDING, _ACCOUNT, _SIGN_IN, _ENTITY, _ACCESS = 0, 2004, 3001, 3002, 3004, 3005
_NETWORK, _LIFECYCLE, _FILE = 4001, 6002, 6006
_CREATE, _READ, _UPDATE, _DELETE, _ACTIVATE, _DEACTIVATE, _SUSPEND, _RESUME = 1, 2, 3, 4, 10, 11, 12, 13
# These classes take `actor` from the profile "host"; the others have it themselves.
_ACTOR_BY_PROFILE = frozenset({_BASE, _FINDING, _NETWORK, _LIFECYCLE})
_HAS_SOURCE = frozenset({_ACCOUNT, _SIGN_IN, _ENTITY, _ACCESS, _FILE, _NETWORK})
_USER_TYPES = {"user": 1, "operator": 2, "system": 3}

Record = dict[str, Any]


@dataclass(frozen=True)
class Kind:
    """What a type of ours is there. `about` gives what the class demands beyond the base."""

    class_uid: int
    activity_id: int
    about: Callable[[Record], Record]
    severity_id: int = _INFORMATIONAL
    status_id: int = _SUCCESS


def event(record: str, hash_: str, version: str) -> Record:
    """Return the event of a record, given as its canonical JSON. `version`: this nbkeep's, such as 0.1.0."""
    value: Record = json.loads(record)
    kind = KINDS.get(value["type"], _PLAIN)
    actor, source = value["actor"], _endpoint(value["actor"]["address"])
    found: Record = {
        "class_uid": kind.class_uid,
        "category_uid": kind.class_uid // 1000,
        "activity_id": kind.activity_id,
        "activity_name": value["type"],
        "type_uid": kind.class_uid * 100 + kind.activity_id,
        "severity_id": kind.severity_id,
        "status_id": kind.status_id,
        "time": (datetime.fromisoformat(value["at"]) - _EPOCH) // timedelta(milliseconds=1),
        "message": f"{value['type']} by {actor['name']}",
        "metadata": _metadata(value, kind, hash_, version),
        "actor": {"user": _user(actor["name"], actor["id"], actor["kind"]), "app_name": actor["via"]},
        "unmapped": {**value, "hash": hash_},
    }
    if source and kind.class_uid in _HAS_SOURCE:
        found["src_endpoint"] = source
    # A record of an older release may lack fields that were added since.
    return found | kind.about(value | {"hash": hash_, "data": defaultdict(str, value["data"])})


def _metadata(value: Record, kind: Kind, hash_: str, version: str) -> Record:
    found: Record = {
        "version": SCHEMA,
        "product": {"name": "nbkeep", "vendor_name": "nbkeep", "version": version},
        "uid": hash_,
        "sequence": value["seq"],
        "event_code": value["type"],
    }
    if kind.class_uid in _ACTOR_BY_PROFILE:
        found["profiles"] = ["host"]
    if value["session_id"]:
        found["correlation_uid"] = value["session_id"]
    return found


def _user(name: str, uid: str = "", kind: str = "user") -> Record:
    return {"name": name or "(unknown)", "type_id": _USER_TYPES.get(kind, 0)} | ({"uid": uid} if uid else {})


def _endpoint(host: str) -> Record:
    if not host:
        return {}
    try:
        return {"ip": str(ipaddress.ip_address(host))}
    except ValueError:
        return {"hostname": host}


def _nothing(_value: Record) -> Record:
    return {}


def _of_user(value: Record) -> Record:
    return {"user": _user(value["data"]["user"])}


def _sign_in(value: Record) -> Record:
    reason = value["data"].get("reason")
    detail = {"status_detail": reason} if reason else {}
    return {"user": _user(value["data"]["user"]), "service": {"name": "nbkeep"}} | detail


def _entity(what: str, *names: str) -> Callable[[Record], Record]:
    """Return what makes an entity of a kind; `names`: the fields that name it, the best one first."""

    def about(value: Record) -> Record:
        name = next((str(value["data"][one]) for one in names if value["data"].get(one)), what)
        return {"entity": {"type": what, "name": name}}

    return about


def _access(what: str, to: str, name: str) -> Callable[[Record], Record]:
    """Return what makes a privilege, `what` with the name in a field, of the person in another one."""

    def about(value: Record) -> Record:
        data = value["data"]
        return {"user": _user(data[to]), "privileges": [f"{data.get('kind') or what} {data[name]}"]}

    return about


def _role(value: Record) -> Record:
    return {"user": _user(value["data"]["user"]), "privileges": [f"role {value['data']['new']}"]}


def _visit(value: Record) -> Record:
    actor = value["actor"]
    return {"user": _user(actor["name"], actor["id"]), "privileges": [f"session {value['session_id']}"]}


def _session(value: Record) -> Record:
    uid = {"uid": value["session_id"]} if value["session_id"] else {}
    return {"app": {"name": value["data"].get("profile") or "session"} | uid}


def _platform(value: Record) -> Record:
    return {"app": {"name": "nbkeep", "version": value["data"]["version"]}}


def _package(value: Record) -> Record:
    version = value["data"]["version"]
    return {"app": {"name": value["data"]["name"]} | ({"version": version} if version else {})}


def _finding(value: Record) -> Record:
    title = value["data"].get("message") or value["type"]
    return {"finding_info": {"uid": value["hash"], "title": title}, "is_alert": True}


def _refused_connection(value: Record) -> Record:
    return {"dst_endpoint": _endpoint(value["data"]["host"]) | {"port": value["data"]["port"]}}


def _file(value: Record) -> Record:
    path = value["data"]["path"]
    source = _endpoint(value["actor"]["address"]) or {"name": "session", "uid": value["session_id"] or ""}
    name = path.rsplit("/", 1)[-1] or path
    return {"file": {"name": name, "path": path, "type_id": 1, "size": value["data"]["bytes"]},
            "src_endpoint": source}  # fmt: skip


_PLAIN = Kind(_BASE, _OTHER, _nothing)
KINDS: dict[str, Kind] = {
    "signin.succeeded": Kind(_SIGN_IN, 1, _sign_in),
    "signin.failed": Kind(_SIGN_IN, 1, _sign_in, _LOW, _FAILURE),
    "signin.locked": Kind(_ACCOUNT, 9, _of_user, _MEDIUM),
    "user.invited": Kind(_ACCOUNT, 1, _of_user),
    "user.activated": Kind(_ACCOUNT, 2, _of_user),
    "user.enabled": Kind(_ACCOUNT, 2, _of_user),
    "user.password-changed": Kind(_ACCOUNT, 3, _of_user),
    "user.reset-link-made": Kind(_ACCOUNT, 4, _of_user),
    "user.disabled": Kind(_ACCOUNT, 5, _of_user),
    "user.limits-changed": Kind(_ACCOUNT, _OTHER, _of_user),
    "user.role-changed": Kind(_ACCESS, 1, _role, _LOW),
    "token.created": Kind(_ENTITY, _CREATE, _entity("API token", "name", "token_id")),
    "token.revoked": Kind(_ENTITY, _DELETE, _entity("API token", "name", "token_id")),
    "session.requested": Kind(_LIFECYCLE, _OTHER, _session),
    "session.document-quarantined": Kind(_LIFECYCLE, _OTHER, _session),
    "session.refused": Kind(_LIFECYCLE, 3, _session, _LOW, _FAILURE),
    "session.started": Kind(_LIFECYCLE, 3, _session),
    "session.ready": Kind(_LIFECYCLE, _OTHER, _session),
    "session.stop-requested": Kind(_LIFECYCLE, _OTHER, _session),
    "session.ended": Kind(_LIFECYCLE, 4, _session),
    "session.extended": Kind(_LIFECYCLE, _OTHER, _session),
    "session.frozen": Kind(_LIFECYCLE, _OTHER, _session),
    "session.thawed": Kind(_LIFECYCLE, _OTHER, _session),
    "session.suspended": Kind(_LIFECYCLE, _OTHER, _session),
    "session.resumed": Kind(_LIFECYCLE, 3, _session),
    "session.state-deleted": Kind(_ENTITY, _DELETE, _entity("saved session")),
    "session.access-granted": Kind(_ACCESS, 1, _visit, _LOW),
    "session.stray-stopped": Kind(_FINDING, _CREATE, _finding, _MEDIUM),
    "secret.set": Kind(_ENTITY, _CREATE, _entity("secret", "name")),
    "secret.rotated": Kind(_ENTITY, _UPDATE, _entity("secret", "name")),
    "secret.revoked": Kind(_ENTITY, _DELETE, _entity("secret", "name")),
    "secret.key-rotated": Kind(_ENTITY, _UPDATE, _entity("master key", "key_id")),
    "secret.granted": Kind(_ACCESS, 1, _access("secret", "to", "name")),
    "secret.ungranted": Kind(_ACCESS, 2, _access("secret", "to", "name")),
    "secret.leased": Kind(_ACCESS, 1, _access("secret", "user", "name")),
    "secret.lease-ended": Kind(_ACCESS, 2, _access("secret", "user", "name")),
    "secret.login-made": Kind(_ENTITY, _CREATE, _entity("database role", "database_user")),
    "secret.login-revoked": Kind(_ENTITY, _DELETE, _entity("database role", "database_user")),
    "secret.login-not-revoked": Kind(
        _ENTITY, _DELETE, _entity("database role", "database_user"), status_id=_FAILURE
    ),
    "grant.requested": Kind(_ACCESS, _OTHER, _access("access", "user", "subject")),
    "grant.approved": Kind(_ACCESS, 1, _access("access", "user", "subject")),
    "grant.denied": Kind(_ACCESS, 1, _access("access", "user", "subject"), status_id=_FAILURE),
    "grant.revoked": Kind(_ACCESS, 2, _access("access", "user", "subject")),
    "grant.withdrawn": Kind(_ACCESS, _OTHER, _access("access", "user", "subject")),
    "grant.expired": Kind(_ACCESS, 2, _access("access", "user", "subject")),
    "connection.declared": Kind(_ENTITY, _CREATE, _entity("connection", "name")),
    "connection.removed": Kind(_ENTITY, _DELETE, _entity("connection", "name")),
    "connection.granted": Kind(_ACCESS, 1, _access("connection", "to", "name")),
    "connection.ungranted": Kind(_ACCESS, 2, _access("connection", "to", "name")),
    "dataset.published": Kind(_ENTITY, _CREATE, _entity("dataset", "name")),
    "dataset.removed": Kind(_ENTITY, _DELETE, _entity("dataset", "name")),
    "data.read": Kind(_ENTITY, _READ, _entity("dataset", "name")),
    "class.rules-changed": Kind(_ENTITY, _UPDATE, _entity("class of data", "classification")),
    "data.files-classified": Kind(_ENTITY, _UPDATE, _entity("files of a class", "user")),
    "session.class-raised": Kind(_ENTITY, _UPDATE, _entity("class of a session", "after")),
    "project.created": Kind(_ENTITY, _CREATE, _entity("project", "name")),
    "project.described": Kind(_ENTITY, _UPDATE, _entity("project", "name")),
    "project.hosts-changed": Kind(_ENTITY, _UPDATE, _entity("project", "name")),
    "project.removed": Kind(_ENTITY, _DELETE, _entity("project", "name")),
    "project.member-added": Kind(_ACCESS, 1, _access("project", "user", "name")),
    "project.member-removed": Kind(_ACCESS, 2, _access("project", "user", "name")),
    "model.provider-added": Kind(_ENTITY, _CREATE, _entity("provider of models", "name")),
    "model.provider-removed": Kind(_ENTITY, _DELETE, _entity("provider of models", "name")),
    "price.set": Kind(_ENTITY, _UPDATE, _entity("price", "resource")),
    "policy.set": Kind(_ENTITY, _UPDATE, _entity("policy", "scope")),
    "policy.unset": Kind(_ENTITY, _DELETE, _entity("policy", "scope")),
    "leftovers.deleted": Kind(_ENTITY, _UPDATE, _entity("home", "user")),
    "liveness.set": Kind(_ENTITY, _UPDATE, _entity("liveness", "provider")),
    "liveness.answered": Kind(_ENTITY, _READ, _entity("release", "release_id")),
    "liveness.asked": Kind(_ENTITY, _READ, _entity("release", "release_id")),
    "rules.set": Kind(_ENTITY, _UPDATE, _entity("rules", "sha256")),
    "rules.unset": Kind(_ENTITY, _DELETE, _entity("rules", "sha256")),
    "upload.set": Kind(_ENTITY, _UPDATE, _entity("treatment of uploads", "host")),
    "upload.unset": Kind(_ENTITY, _DELETE, _entity("treatment of uploads", "host")),
    "quota.set": Kind(_ENTITY, _UPDATE, _entity("quota", "subject")),
    "quota.removed": Kind(_ENTITY, _DELETE, _entity("quota", "subject")),
    "quota.overridden": Kind(_ENTITY, _SUSPEND, _entity("quota", "subject"), _LOW),
    "quota.override-ended": Kind(_ENTITY, _RESUME, _entity("quota", "subject")),
    "quota.requested": Kind(_ENTITY, _OTHER, _entity("quota", "subject")),
    "quota.request-decided": Kind(_ENTITY, _OTHER, _entity("quota", "subject")),
    "quota.warned": Kind(_FINDING, _CREATE, _finding, _LOW),
    "quota.cut-announced": Kind(_FINDING, _CREATE, _finding, _LOW),
    "model.price-set": Kind(_ENTITY, _UPDATE, _entity("price of a model", "model", "provider")),
    "model.budget-set": Kind(_ENTITY, _UPDATE, _entity("budget of models", "scope")),
    "model.budget-removed": Kind(_ENTITY, _DELETE, _entity("budget of models", "scope")),
    "model.budget-warned": Kind(_FINDING, _CREATE, _finding, _LOW),
    "model.budget-spent": Kind(_FINDING, _CREATE, _finding, _MEDIUM),
    "package.installed": Kind(_LIFECYCLE, 1, _package),
    "package.refused": Kind(_LIFECYCLE, 1, _package, _LOW, _FAILURE),
    "package.approved": Kind(_ENTITY, _ACTIVATE, _entity("package", "name")),
    "package.revoked": Kind(_ENTITY, _DEACTIVATE, _entity("package", "name")),
    "package.advisories-loaded": Kind(_ENTITY, _UPDATE, _entity("advisories")),
    "flavor.created": Kind(_ENTITY, _CREATE, _entity("flavor", "flavor")),
    "flavor.changed": Kind(_ENTITY, _UPDATE, _entity("flavor", "flavor")),
    "flavor.deleted": Kind(_ENTITY, _DELETE, _entity("flavor", "flavor")),
    "profile.created": Kind(_ENTITY, _CREATE, _entity("profile", "profile")),
    "profile.changed": Kind(_ENTITY, _UPDATE, _entity("profile", "profile")),
    "profile.deleted": Kind(_ENTITY, _DELETE, _entity("profile", "profile")),
    "volume.resized": Kind(_ENTITY, _UPDATE, _entity("home", "user")),
    "config.applied": Kind(_ENTITY, _UPDATE, _entity("configuration")),
    "audit.exported": Kind(_ENTITY, _READ, _entity("audit journal")),
    "audit.forward-added": Kind(_ENTITY, _CREATE, _entity("destination of the audit", "name"), _MEDIUM),
    "audit.forward-paused": Kind(_ENTITY, _SUSPEND, _entity("destination of the audit", "name"), _MEDIUM),
    "audit.forward-resumed": Kind(_ENTITY, _RESUME, _entity("destination of the audit", "name")),
    "audit.forward-removed": Kind(_ENTITY, _DELETE, _entity("destination of the audit", "name"), _MEDIUM),
    "mail.given-up": Kind(_ENTITY, _DEACTIVATE, _entity("mail", "mail_id"), _LOW, _FAILURE),
    "mail.retried": Kind(_ENTITY, _UPDATE, _entity("mail", "mail_id")),
    "mail.discarded": Kind(_ENTITY, _DELETE, _entity("mail", "mail_id")),
    "mail.tested": Kind(_ENTITY, _CREATE, _entity("mail", "to")),
    "mail.report-asked": Kind(_ENTITY, _CREATE, _entity("report by mail", "day")),
    "mail.notices-chosen": Kind(_ENTITY, _UPDATE, _entity("notices by mail")),
    "incident.opened": Kind(_FINDING, _CREATE, _finding, _HIGH),
    "incident.closed": Kind(_FINDING, 3, _finding, _MEDIUM),
    "incident.step-done": Kind(_FINDING, 2, _finding, _MEDIUM),
    "incident.step-failed": Kind(_FINDING, 2, _finding, _HIGH, _FAILURE),
    "incident.evidence-kept": Kind(_ENTITY, _CREATE, _entity("evidence", "incident_id"), _MEDIUM),
    "incident.evidence-taken": Kind(_ENTITY, _READ, _entity("evidence", "incident_id"), _MEDIUM),
    "evidence.requested": Kind(_ENTITY, _CREATE, _entity("evidence pack", "evidence_id")),
    "evidence.built": Kind(_ENTITY, _ACTIVATE, _entity("evidence pack", "evidence_id")),
    "evidence.failed": Kind(_ENTITY, _CREATE, _entity("evidence pack", "evidence_id"), _LOW, _FAILURE),
    "evidence.downloaded": Kind(_ENTITY, _READ, _entity("evidence pack", "evidence_id")),
    "platform.started": Kind(_LIFECYCLE, 3, _platform),
    "egress.refused": Kind(_NETWORK, 5, _refused_connection, _LOW, _FAILURE),
    "egress.alarm": Kind(_FINDING, _CREATE, _finding, _MEDIUM),
    "alarm.raised": Kind(_FINDING, _CREATE, _finding, _MEDIUM),
    "alarm.acknowledged": Kind(_ENTITY, _UPDATE, _entity("alarm", "alarm_id")),
    "alarm.rule-set": Kind(_ENTITY, _UPDATE, _entity("rule of alarms", "kind")),
    "file.downloaded": Kind(_FILE, 2, _file),
    "push.examined": Kind(_ENTITY, _UPDATE, _entity("push", "push_id")),
    "push.looked": Kind(_ENTITY, _READ, _entity("push", "push_id")),
    "push.approved": Kind(_ENTITY, _UPDATE, _entity("push", "push_id"), _LOW),
    "push.denied": Kind(_ENTITY, _UPDATE, _entity("push", "push_id"), status_id=_FAILURE),
    "push.sent-back": Kind(_ENTITY, _UPDATE, _entity("push", "push_id"), status_id=_FAILURE),
    "push.withdrawn": Kind(_ENTITY, _DELETE, _entity("push", "push_id")),
    "push.passed": Kind(_ENTITY, _READ, _entity("push", "push_id"), _LOW),
    "push.settled": Kind(_ENTITY, _UPDATE, _entity("push", "push_id")),
    "push.lapsed": Kind(_ENTITY, _DELETE, _entity("push", "push_id")),
    "release.requested": Kind(_ENTITY, _CREATE, _entity("release", "release_id")),
    "release.examined": Kind(_ENTITY, _UPDATE, _entity("release", "release_id")),
    "release.looked": Kind(_ENTITY, _READ, _entity("release", "release_id")),
    "release.approved": Kind(_ENTITY, _UPDATE, _entity("release", "release_id"), _LOW),
    "release.denied": Kind(_ENTITY, _UPDATE, _entity("release", "release_id"), status_id=_FAILURE),
    "release.sent-back": Kind(_ENTITY, _UPDATE, _entity("release", "release_id"), status_id=_FAILURE),
    "release.withdrawn": Kind(_ENTITY, _DELETE, _entity("release", "release_id")),
    "release.released": Kind(_ENTITY, _READ, _entity("release", "release_id"), _LOW),
    "release.taken": Kind(_FILE, 2, _file, _LOW),
    "release.lapsed": Kind(_ENTITY, _DELETE, _entity("release", "release_id")),
    "release.failed": Kind(_ENTITY, _UPDATE, _entity("release", "release_id"), status_id=_FAILURE),
    "document.inspected": Kind(_ENTITY, _READ, _entity("inspection", "inspection_id")),
    "share.made": Kind(_ENTITY, _CREATE, _entity("share", "share_id"), _LOW),
    "share.viewed": Kind(_ENTITY, _READ, _entity("share", "share_id")),
    "share.shortened": Kind(_ENTITY, _UPDATE, _entity("share", "share_id")),
    "share.revoked": Kind(_ENTITY, _DELETE, _entity("share", "share_id")),
    "download.refused": Kind(_FINDING, _CREATE, _finding, _MEDIUM, _FAILURE),
    "save.blocked": Kind(_FINDING, _CREATE, _finding, _LOW, _FAILURE),
    "state.refused": Kind(_FINDING, _CREATE, _finding, _HIGH),
    "state.key-added": Kind(_ENTITY, _CREATE, _entity("key of saved variables", "key_id")),
}
# What the schema has no class for: code that runs, and kernels, which are no processes of the host.
PLAIN = frozenset({
    "execution.started", "execution.finished", "kernel.started", "kernel.died", "kernel.restarted",
    "terminal.opened", "terminal.closed", "state.saved", "state.restored", "platform.clock-jumped",
})  # fmt: skip
