"""Every audit event, one class each; docs/reference/events.md tells people what they mean.

Fields are JSON values and never secrets. `type` is append only: stored records depend on it. Add a field with
a default when an event grows; never rename one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar


@dataclass(frozen=True, kw_only=True)
class Event:
    """Base: what happened. Who, when and in which order is added by `journal.append`."""

    type: ClassVar[str]
    session_id: str | None = None


# --- signing in -------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class SignInSucceeded(Event):
    """A person signed in with name and password."""

    type: ClassVar[str] = "signin.succeeded"
    user: str


@dataclass(frozen=True, kw_only=True)
class SignInFailed(Event):
    """A sign-in was refused. `user` is "" for unknown names: people type passwords into name fields."""

    type: ClassVar[str] = "signin.failed"
    user: str
    reason: str  # wrong-password | unknown-name | not-active


@dataclass(frozen=True, kw_only=True)
class SignInLocked(Event):
    """Too many wrong passwords in a row: that name (or that address) is not listened to for a while."""

    type: ClassVar[str] = "signin.locked"
    user: str
    address: str = ""
    until: str
    failed: int


# --- people -----------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class UserInvited(Event):
    """A person was invited; their account waits for its first password."""

    type: ClassVar[str] = "user.invited"
    user: str
    email: str
    role: str
    expires_at: str


@dataclass(frozen=True, kw_only=True)
class UserActivated(Event):
    """An invited person set a first password."""

    type: ClassVar[str] = "user.activated"
    user: str


@dataclass(frozen=True, kw_only=True)
class UserDisabled(Event):
    """A person may no longer sign in; tokens and browser sessions ended."""

    type: ClassVar[str] = "user.disabled"
    user: str
    reason: str


@dataclass(frozen=True, kw_only=True)
class UserEnabled(Event):
    """A disabled person may sign in again."""

    type: ClassVar[str] = "user.enabled"
    user: str
    reason: str = ""


@dataclass(frozen=True, kw_only=True)
class UserRoleChanged(Event):
    """A person's role changed."""

    type: ClassVar[str] = "user.role-changed"
    user: str
    old: str
    new: str
    reason: str = ""


@dataclass(frozen=True, kw_only=True)
class UserLimitsChanged(Event):
    """A person's limits changed: field → [old, new]."""

    type: ClassVar[str] = "user.limits-changed"
    user: str
    changes: dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class ResetLinkMade(Event):
    """A link was made with which a person may set a new password; older links ended."""

    type: ClassVar[str] = "user.reset-link-made"
    user: str
    expires_at: str


@dataclass(frozen=True, kw_only=True)
class PasswordChanged(Event):
    """A person set a new password; browser sessions from before ended."""

    type: ClassVar[str] = "user.password-changed"
    user: str
    how: str  # invite | reset | self


@dataclass(frozen=True, kw_only=True)
class TokenCreated(Event):
    """A person made an API token."""

    type: ClassVar[str] = "token.created"
    user: str
    token_id: str
    name: str
    scopes: list[str]
    expires_at: str


@dataclass(frozen=True, kw_only=True)
class TokenRevoked(Event):
    """An API token was ended before its time."""

    type: ClassVar[str] = "token.revoked"
    user: str
    token_id: str
    name: str
    reason: str = ""


# --- sessions ---------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class SessionRequested(Event):
    """A session was admitted."""

    type: ClassVar[str] = "session.requested"
    user: str
    name: str
    profile: str


@dataclass(frozen=True, kw_only=True)
class SessionRefused(Event):
    """Somebody wanted a session and a rule said no."""

    type: ClassVar[str] = "session.refused"
    user: str
    profile: str
    code: str
    message: str


@dataclass(frozen=True, kw_only=True)
class SessionLaunched(Event):
    """An admitted session was handed to its backend, with this image and these limits."""

    type: ClassVar[str] = "session.started"
    image: str
    cpu_millis: int
    memory_bytes: int
    gpu_count: int = 0


@dataclass(frozen=True, kw_only=True)
class SessionReady(Event):
    """A session answered for the first time, this many seconds after its start."""

    type: ClassVar[str] = "session.ready"
    start_s: float


@dataclass(frozen=True, kw_only=True)
class SessionStopRequested(Event):
    """Somebody or a limit asked for a session's end."""

    type: ClassVar[str] = "session.stop-requested"
    reason: str
    detail: str = ""


@dataclass(frozen=True, kw_only=True)
class SessionEnded(Event):
    """A session holds no compute any more; `reason` tells orderly ends from failures."""

    type: ClassVar[str] = "session.ended"
    reason: str
    detail: str = ""
    lasted_s: float = 0


@dataclass(frozen=True, kw_only=True)
class SessionExtended(Event):
    """Somebody asked to keep working: the idle stop or the end moved."""

    type: ClassVar[str] = "session.extended"
    added_s: int
    idle_kept_until: str
    ends_at: str


@dataclass(frozen=True, kw_only=True)
class SessionFrozen(Event):
    """An idle session was saved and frozen: it holds its memory until then, computes and costs nothing."""

    type: ClassVar[str] = "session.frozen"
    until: str


@dataclass(frozen=True, kw_only=True)
class SessionThawed(Event):
    """A frozen session goes on, because its user came back."""

    type: ClassVar[str] = "session.thawed"
    frozen_s: float


@dataclass(frozen=True, kw_only=True)
class SessionSuspended(Event):
    """A session ended and can be resumed until then: what was saved, and how many variables were not."""

    type: ClassVar[str] = "session.suspended"
    saved_at: str
    bytes: int
    kernels: int
    kept: int
    lost: int
    kept_until: str


@dataclass(frozen=True, kw_only=True)
class SessionResumed(Event):
    """A suspended session was admitted anew, to go on with what was saved at that moment."""

    type: ClassVar[str] = "session.resumed"
    user: str
    name: str
    profile: str
    saved_at: str = ""


@dataclass(frozen=True, kw_only=True)
class SessionStateDeleted(Event):
    """A session's saved state was given up: from here on it cannot be resumed."""

    type: ClassVar[str] = "session.state-deleted"
    reason: str  # user | admin | retention | limit


@dataclass(frozen=True, kw_only=True)
class SessionAccessGranted(Event):
    """An admin may enter somebody's session, for this reason, until then; the owner is told."""

    type: ClassVar[str] = "session.access-granted"
    owner: str
    reason: str
    until: str


@dataclass(frozen=True, kw_only=True)
class EgressRefused(Event):
    """Code of a session wanted to reach a host and a rule said no: the first time for each host and rule."""

    type: ClassVar[str] = "egress.refused"
    user: str
    host: str
    port: int
    rule: str = ""  # "" when no rule allowed it
    reason: str = ""
    is_last: bool = False  # later refusals of this session are in the network log alone


@dataclass(frozen=True, kw_only=True)
class EgressAlarm(Event):
    """What a session sends is worth a second look, although the rules allow it: once a day for each host."""

    type: ClassVar[str] = "egress.alarm"
    user: str
    profile: str
    kind: str
    host: str
    measured: int
    threshold: int
    message: str


# --- reported by the trusted half of a session ------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class ExecutionStarted(Event):
    """Code was sent to a kernel. `code` itself only where the profile says so."""

    type: ClassVar[str] = "execution.started"
    execution_id: str
    kernel_id: str
    notebook: str = ""
    cell_id: str = ""
    code_sha256: str = ""
    code: str | None = None
    silent: bool = False
    started_at: str = ""


@dataclass(frozen=True, kw_only=True)
class ExecutionFinished(Event):
    """A kernel was done with an execution."""

    type: ClassVar[str] = "execution.finished"
    execution_id: str
    duration_s: float
    outcome: str  # ok | error | aborted | died


@dataclass(frozen=True, kw_only=True)
class KernelStarted(Event):
    """A kernel was started in the sandbox."""

    type: ClassVar[str] = "kernel.started"
    kernel_id: str
    name: str = ""
    notebook: str = ""


@dataclass(frozen=True, kw_only=True)
class KernelDied(Event):
    """A kernel ended without being asked to."""

    type: ClassVar[str] = "kernel.died"
    kernel_id: str
    reason: str  # out-of-memory | killed | crashed | exited
    message: str = ""
    notebook: str = ""
    memory_used_bytes: int | None = None
    memory_limit_bytes: int | None = None


@dataclass(frozen=True, kw_only=True)
class KernelRestarted(Event):
    """A kernel was restarted."""

    type: ClassVar[str] = "kernel.restarted"
    kernel_id: str
    notebook: str = ""


@dataclass(frozen=True, kw_only=True)
class TerminalOpened(Event):
    """A terminal was opened in the sandbox."""

    type: ClassVar[str] = "terminal.opened"
    terminal: str = ""


@dataclass(frozen=True, kw_only=True)
class TerminalClosed(Event):
    """A terminal was closed or ended."""

    type: ClassVar[str] = "terminal.closed"
    terminal: str = ""


@dataclass(frozen=True, kw_only=True)
class FileDownloaded(Event):
    """A file left the session through the browser."""

    type: ClassVar[str] = "file.downloaded"
    path: str
    bytes: int


@dataclass(frozen=True, kw_only=True)
class StateSaved(Event):
    """A kernel's variables were saved. Their names are not recorded: they can be telling."""

    type: ClassVar[str] = "state.saved"
    kernel_id: str
    notebook: str = ""
    kept: int = 0
    lost: int = 0
    bytes: int = 0
    new_bytes: int = 0
    why: str = ""  # end | asked | background
    duration_s: float = 0


@dataclass(frozen=True, kw_only=True)
class StateRestored(Event):
    """A kernel was given back its variables, or all but some of them."""

    type: ClassVar[str] = "state.restored"
    kernel_id: str
    notebook: str = ""
    kept: int = 0
    lost: int = 0
    bytes: int = 0
    saved_at: str = ""
    duration_s: float = 0


@dataclass(frozen=True, kw_only=True)
class StateRefused(Event):
    """Saved state was not given to a kernel: it was altered, or is another's, or could not be read."""

    type: ClassVar[str] = "state.refused"
    kernel_id: str
    notebook: str = ""
    reason: str = ""


@dataclass(frozen=True, kw_only=True)
class StateKeyAdded(Event):
    """There is a key of saved variables that was not there before. The id tells nothing of it."""

    type: ClassVar[str] = "state.key-added"
    key_id: str


# --- catalogue, volumes, configuration --------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class FlavorCreated(Event):
    """A flavor was made."""

    type: ClassVar[str] = "flavor.created"
    flavor: str
    values: dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class FlavorChanged(Event):
    """A flavor changed: field → [old, new]."""

    type: ClassVar[str] = "flavor.changed"
    flavor: str
    changes: dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class FlavorDeleted(Event):
    """A flavor was deleted."""

    type: ClassVar[str] = "flavor.deleted"
    flavor: str


@dataclass(frozen=True, kw_only=True)
class ProfileCreated(Event):
    """A profile was made."""

    type: ClassVar[str] = "profile.created"
    profile: str
    values: dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class ProfileChanged(Event):
    """A profile changed: field → [old, new]."""

    type: ClassVar[str] = "profile.changed"
    profile: str
    changes: dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class ProfileDeleted(Event):
    """A profile was deleted; sessions that run it go on."""

    type: ClassVar[str] = "profile.deleted"
    profile: str


@dataclass(frozen=True, kw_only=True)
class VolumeResized(Event):
    """A home volume got another size."""

    type: ClassVar[str] = "volume.resized"
    user: str
    old_bytes: int
    new_bytes: int


@dataclass(frozen=True, kw_only=True)
class ConfigApplied(Event):
    """A configuration file was applied; each change has its own record too."""

    type: ClassVar[str] = "config.applied"
    changes: list[str]


# --- secrets ----------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class SecretSet(Event):
    """A secret was kept: what it is bound to, never its value."""

    type: ClassVar[str] = "secret.set"
    secret_id: str
    name: str
    owner: str
    hosts: list[str]
    sent_as: str
    env: str = ""
    source: str = ""


@dataclass(frozen=True, kw_only=True)
class SecretRotated(Event):
    """A secret got another value."""

    type: ClassVar[str] = "secret.rotated"
    secret_id: str
    name: str
    owner: str
    version: int


@dataclass(frozen=True, kw_only=True)
class SecretGranted(Event):
    """Sessions of somebody may have a secret added to their requests."""

    type: ClassVar[str] = "secret.granted"
    secret_id: str
    name: str
    owner: str
    to: str


@dataclass(frozen=True, kw_only=True)
class SecretUngranted(Event):
    """A grant was taken away."""

    type: ClassVar[str] = "secret.ungranted"
    secret_id: str
    name: str
    owner: str
    to: str


@dataclass(frozen=True, kw_only=True)
class SecretRevoked(Event):
    """A secret was ended for good: its value was deleted, its leases ended."""

    type: ClassVar[str] = "secret.revoked"
    secret_id: str
    name: str
    owner: str
    reason: str = ""


@dataclass(frozen=True, kw_only=True)
class SecretLeased(Event):
    """A session may have a secret added to its requests."""

    type: ClassVar[str] = "secret.leased"
    secret_id: str
    name: str
    lease_id: str
    user: str


@dataclass(frozen=True, kw_only=True)
class SecretLeaseEnded(Event):
    """A session may no longer have a secret added to its requests."""

    type: ClassVar[str] = "secret.lease-ended"
    secret_id: str
    name: str
    lease_id: str
    user: str
    reason: str  # session-ended | revoked | ungranted | replaced | user-disabled


@dataclass(frozen=True, kw_only=True)
class ModelProviderAdded(Event):
    """Requests to a host are metered as calls of models."""

    type: ClassVar[str] = "model.provider-added"
    name: str
    kind: str
    host: str
    port: int
    prefix: str = ""


@dataclass(frozen=True, kw_only=True)
class ModelProviderRemoved(Event):
    """Requests to a host are metered no more."""

    type: ClassVar[str] = "model.provider-removed"
    name: str
    host: str
    port: int


@dataclass(frozen=True, kw_only=True)
class ModelPriceSet(Event):
    """What a million tokens of a model cost was set, from then on."""

    type: ClassVar[str] = "model.price-set"
    provider: str
    model: str
    input: str
    output: str
    cached: str
    currency: str


@dataclass(frozen=True, kw_only=True)
class ModelBudgetSet(Event):
    """What models may cost in a month was set."""

    type: ClassVar[str] = "model.budget-set"
    scope: str
    month: str
    currency: str


@dataclass(frozen=True, kw_only=True)
class ModelBudgetRemoved(Event):
    """A budget for models was taken away."""

    type: ClassVar[str] = "model.budget-removed"
    scope: str


@dataclass(frozen=True, kw_only=True)
class ModelBudgetWarned(Event):
    """Four fifths of a budget for models were used; told once for each budget and month."""

    type: ClassVar[str] = "model.budget-warned"
    scope: str
    user: str
    month: str
    spent: str
    budget: str
    currency: str


@dataclass(frozen=True, kw_only=True)
class ModelBudgetSpent(Event):
    """A budget for models was used up: calls are refused; told once for each budget and month."""

    type: ClassVar[str] = "model.budget-spent"
    scope: str
    user: str
    month: str
    spent: str
    budget: str
    currency: str


@dataclass(frozen=True, kw_only=True)
class ConnectionDeclared(Event):
    """A place outside got a name, and a port inside of sandboxes."""

    type: ClassVar[str] = "connection.declared"
    connection_id: str
    name: str
    kind: str  # tcp | postgres
    host: str
    port: int
    local_port: int
    database: str = ""
    role: str = ""
    tls: str = ""
    secret_id: str = ""


@dataclass(frozen=True, kw_only=True)
class ConnectionGranted(Event):
    """Sessions of somebody may use a declared connection."""

    type: ClassVar[str] = "connection.granted"
    connection_id: str
    name: str
    to: str


@dataclass(frozen=True, kw_only=True)
class ConnectionUngranted(Event):
    """A grant of a declared connection was taken away."""

    type: ClassVar[str] = "connection.ungranted"
    connection_id: str
    name: str
    to: str


@dataclass(frozen=True, kw_only=True)
class ConnectionRemoved(Event):
    """A declared connection was removed, with its grants."""

    type: ClassVar[str] = "connection.removed"
    connection_id: str
    name: str
    reason: str = ""


@dataclass(frozen=True, kw_only=True)
class VaultKeyRotated(Event):
    """All secrets were put under a new master key."""

    type: ClassVar[str] = "secret.key-rotated"
    key_id: str
    rewrapped: int


# --- grants -----------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class GrantRequested(Event):
    """A person asked for access for a while, for all their sessions of a profile."""

    type: ClassVar[str] = "grant.requested"
    grant_id: str
    kind: str  # host
    subject: str
    user: str
    profile: str
    wanted_s: int
    reason: str


@dataclass(frozen=True, kw_only=True)
class GrantApproved(Event):
    """Access was granted; it ends by itself."""

    type: ClassVar[str] = "grant.approved"
    grant_id: str
    kind: str
    subject: str
    user: str
    profile: str
    granted_s: int
    expires_at: str


@dataclass(frozen=True, kw_only=True)
class GrantDenied(Event):
    """A request was turned down."""

    type: ClassVar[str] = "grant.denied"
    grant_id: str
    kind: str
    subject: str
    user: str
    profile: str
    reason: str


@dataclass(frozen=True, kw_only=True)
class GrantRevoked(Event):
    """Access that had been granted was taken away before its time."""

    type: ClassVar[str] = "grant.revoked"
    grant_id: str
    kind: str
    subject: str
    user: str
    profile: str
    reason: str


@dataclass(frozen=True, kw_only=True)
class GrantWithdrawn(Event):
    """Who had asked for access wants it no more."""

    type: ClassVar[str] = "grant.withdrawn"
    grant_id: str
    kind: str
    subject: str
    user: str
    profile: str


@dataclass(frozen=True, kw_only=True)
class GrantExpired(Event):
    """Access that had been granted ended by itself."""

    type: ClassVar[str] = "grant.expired"
    grant_id: str
    kind: str
    subject: str
    user: str
    profile: str


# --- packages ---------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class PackageInstalled(Event):
    """A session fetched a file of a package, whole. Each file once for each session."""

    type: ClassVar[str] = "package.installed"
    user: str
    name: str
    version: str
    file: str
    sha256: str
    index: str


@dataclass(frozen=True, kw_only=True)
class PackageRefused(Event):
    """A session was refused a package, or a file of one was another than its index promised."""

    type: ClassVar[str] = "package.refused"
    user: str
    name: str
    version: str = ""
    reason: str = ""
    is_last: bool = False  # further ones of this session are in the list of its packages alone


@dataclass(frozen=True, kw_only=True)
class PackageApproved(Event):
    """A version of a package was approved."""

    type: ClassVar[str] = "package.approved"
    name: str
    version: str


@dataclass(frozen=True, kw_only=True)
class PackageRevoked(Event):
    """The approval of a version of a package was taken back."""

    type: ClassVar[str] = "package.revoked"
    name: str
    version: str


@dataclass(frozen=True, kw_only=True)
class AdvisoriesLoaded(Event):
    """Known vulnerabilities were loaded, in the place of those before."""

    type: ClassVar[str] = "package.advisories-loaded"
    advisories: int
    packages: int


# --- the journal and the platform -------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class AuditExported(Event):
    """Somebody took a copy of the journal, whole or from and until these times."""

    type: ClassVar[str] = "audit.exported"
    since: str = ""
    until: str = ""


@dataclass(frozen=True, kw_only=True)
class PlatformStarted(Event):
    """The office started."""

    type: ClassVar[str] = "platform.started"
    version: str


@dataclass(frozen=True, kw_only=True)
class ClockJumped(Event):
    """The host's wall clock jumped; the deadlines of this many live sessions were moved along with it."""

    type: ClassVar[str] = "platform.clock-jumped"
    by_s: float
    sessions: int


@dataclass(frozen=True, kw_only=True)
class StraySessionStopped(Event):
    """A node ran a session that the office does not know as live: it was stopped."""

    type: ClassVar[str] = "session.stray-stopped"
    known_as: str = ""  # its state here, "" when there is no such session at all


EVENTS: dict[str, type[Event]] = {event.type: event for event in Event.__subclasses__()}
