"""Profiles and flavors: list, create, change, delete, with what is wrong shown beside its field."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fastapi import APIRouter, Request
from fastapi.responses import RedirectResponse, Response

from nbkeep.doors.portal.errors import field_errors
from nbkeep.doors.portal.guard import Form, SignedIn, listed, text
from nbkeep.doors.portal.render import page
from nbkeep.guard.values import DOWNLOAD_WORDS
from nbkeep.model.actor import Role
from nbkeep.model.classification import CLASSIFICATIONS
from nbkeep.model.errors import Refused, invalid
from nbkeep.model.gates import Decision
from nbkeep.model.units import exact_size, format_duration
from nbkeep.packages.words import policy_words
from nbkeep.profiles import flavors, profiles
from nbkeep.profiles.known import known_to
from nbkeep.profiles.parse import PLATFORM
from nbkeep.profiles.quarantine import CLOSED
from nbkeep.profiles.words import classification_words, downloads_words

if TYPE_CHECKING:
    from nbkeep.app import Office
    from nbkeep.profiles.values import Flavor, Profile

router = APIRouter(prefix="/admin")
_FLAVOR_FIELDS = ("cpu", "memory", "gpu_type", "gpu_count", "price_per_hour")
_PROFILE_FIELDS = ("display_name", "description", "image", "flavor", "idle_stop", "max_session",
                   "max_extension", "state_limit", "state_retention", "state_key", "frozen", "classification",
                   "preimport", "egress_allowlist", "egress_denylist", "egress_asklist",
                   "egress_volume")  # fmt: skip
_LISTS = ("preimport", "egress_allowlist", "egress_denylist", "egress_asklist")
_NEW_PROFILE: dict[str, Any] = {
    "name": "", "display_name": "", "description": "", "image": "base", "flavor": "", "idle_stop": "30min",
    "max_session": "8h", "max_extension": "4h", "classification": "internal",
    "preimport": "", "record_code": False, "enabled": True, "keep_state": True,
    "state_limit": "16GiB", "state_retention": "7d", "state_key": PLATFORM, "frozen": PLATFORM,
    "egress_allowlist": "", "egress_denylist": "", "egress_asklist": "", "egress_volume": "",
    "public_internet": False, "project_hosts": False, "egress_dry_run": False, "downloads": "allow",
    "quarantine": False,
    "roles": [Role.USER.value, Role.ADMIN.value, Role.REVIEWER.value],
}  # fmt: skip
_NEW_FLAVOR: dict[str, Any] = {
    "name": "", "cpu": "2", "memory": "8GiB", "gpu_type": "", "gpu_count": "0", "price_per_hour": "0.10",
    "needs_approval": False,
}  # fmt: skip


@router.get("/profiles")
def list_profiles(request: Request, browser: SignedIn) -> Response:
    """Show all profiles."""
    browser.actor.require("admin:profiles")
    office: Office = request.app.state.office
    with office.store.read() as tx:
        pairs = profiles.list_profiles(tx, browser.actor)
    return page(request, "admin/profiles.html", {"pairs": pairs, "currency": office.settings.currency})


@router.get("/profiles/new")
def new_profile(request: Request, browser: SignedIn, like: str = "") -> Response:
    """Show the empty form, or one filled in like another profile."""
    browser.actor.require("admin:profiles")
    form = _NEW_PROFILE
    if like:
        with request.app.state.office.store.read() as tx:
            form = _profile_form(profiles.get_profile(tx, browser.actor, like)[0]) | {
                "name": "",
                "display_name": "",
            }
    return _profile_page(request, browser, "", form)


@router.post("/profiles/new")
def create_profile(request: Request, browser: SignedIn, form: Form) -> Response:
    """Create a profile."""
    office: Office = request.app.state.office
    wanted = _profile_wanted(form) | {"name": text(form, "name", 80)}
    try:
        with office.store.write() as tx:
            profiles.create_profile(tx, office.clock, browser.actor, wanted, known_to(office.settings))
    except Refused as refusal:
        return _profile_page(request, browser, "", wanted, refusal)
    return RedirectResponse("/portal/admin/profiles?done=created", 303)


@router.get("/profiles/{name}")
def show_profile(request: Request, browser: SignedIn, name: str) -> Response:
    """Show the form of a profile."""
    browser.actor.require("admin:profiles")
    with request.app.state.office.store.read() as tx:
        profile, _flavor = profiles.get_profile(tx, browser.actor, name)
    return _profile_page(request, browser, name, _profile_form(profile))


@router.post("/profiles/{name}")
def change_profile(request: Request, browser: SignedIn, name: str, form: Form) -> Response:
    """Change a profile; sessions that run keep what they started with."""
    office: Office = request.app.state.office
    wanted = _profile_wanted(form)
    try:
        with office.store.write() as tx:
            known = known_to(office.settings)
            profiles.change_profile(tx, office.clock, browser.actor, name, wanted, known)
    except Refused as refusal:
        return _profile_page(request, browser, name, wanted | {"name": name}, refusal)
    return RedirectResponse("/portal/admin/profiles?done=saved", 303)


@router.post("/profiles/{name}/delete")
def delete_profile(request: Request, browser: SignedIn, name: str) -> Response:
    """Delete a profile; what runs from it goes on."""
    office: Office = request.app.state.office
    with office.store.write() as tx:
        profiles.delete_profile(tx, office.clock, browser.actor, name)
    return RedirectResponse("/portal/admin/profiles?done=deleted", 303)


@router.get("/flavors")
def list_flavors(request: Request, browser: SignedIn) -> Response:
    """Show all flavors."""
    browser.actor.require("admin:profiles")
    office: Office = request.app.state.office
    with office.store.read() as tx:
        rows = flavors.list_flavors(tx, browser.actor)
    return page(request, "admin/flavors.html", {"flavors": rows, "currency": office.settings.currency})


@router.get("/flavors/new")
def new_flavor(request: Request, browser: SignedIn) -> Response:
    """Show the empty form."""
    browser.actor.require("admin:profiles")
    return _flavor_page(request, "", _NEW_FLAVOR)


@router.post("/flavors/new")
def create_flavor(request: Request, browser: SignedIn, form: Form) -> Response:
    """Create a flavor."""
    office: Office = request.app.state.office
    given = _flavor_given(form) | {"name": text(form, "name", 1000)}
    try:
        with office.store.write() as tx:
            flavors.create_flavor(tx, office.clock, browser.actor, _flavor_wanted(given))
    except Refused as refusal:
        return _flavor_page(request, "", given, refusal)
    return RedirectResponse("/portal/admin/flavors?done=created", 303)


@router.get("/flavors/{name}")
def show_flavor(request: Request, browser: SignedIn, name: str) -> Response:
    """Show the form of a flavor."""
    browser.actor.require("admin:profiles")
    with request.app.state.office.store.read() as tx:
        flavor = flavors.get_flavor(tx, browser.actor, name)
    return _flavor_page(request, name, _flavor_form(flavor))


@router.post("/flavors/{name}")
def change_flavor(request: Request, browser: SignedIn, name: str, form: Form) -> Response:
    """Change a flavor; sessions that run keep what they started with."""
    office: Office = request.app.state.office
    given = _flavor_given(form)
    try:
        with office.store.write() as tx:
            flavors.change_flavor(tx, office.clock, browser.actor, name, _flavor_wanted(given))
    except Refused as refusal:
        return _flavor_page(request, name, given | {"name": name}, refusal)
    return RedirectResponse("/portal/admin/flavors?done=saved", 303)


@router.post("/flavors/{name}/delete")
def delete_flavor(request: Request, browser: SignedIn, name: str) -> Response:
    """Delete a flavor that no profile stands on."""
    office: Office = request.app.state.office
    with office.store.write() as tx:
        flavors.delete_flavor(tx, office.clock, browser.actor, name)
    return RedirectResponse("/portal/admin/flavors?done=deleted", 303)


def _given(form: Form, names: tuple[str, ...]) -> dict[str, Any]:
    return {name: listed(form, name) if name in _LISTS else text(form, name, 1000) for name in names}


def _flavor_given(form: Form) -> dict[str, Any]:
    return _given(form, _FLAVOR_FIELDS) | {"needs_approval": text(form, "needs_approval") == "on"}


def _profile_wanted(form: Form) -> dict[str, Any]:
    wanted = _given(form, _PROFILE_FIELDS)
    wanted["roles"] = [role for role in form.getlist("roles") if isinstance(role, str)]
    wanted["record_code"] = text(form, "record_code") == "on"
    wanted["keep_state"] = text(form, "keep_state") == "on"
    wanted["enabled"] = text(form, "enabled") == "on"
    wanted["public_internet"] = text(form, "public_internet") == "on"
    wanted["project_hosts"] = text(form, "project_hosts") == "on"
    wanted["egress_dry_run"] = text(form, "egress_dry_run") == "on"
    if "downloads" in form:
        wanted["downloads"] = text(form, "downloads", 20)
    wanted["quarantine"] = text(form, "quarantine") == "on"
    if wanted["quarantine"]:  # the form sends every field: the tick closes those that quarantine closes
        wanted |= {field: value for field, (value, _) in CLOSED.items()}
    return wanted


def _profile_form(profile: Profile) -> dict[str, Any]:
    same = ("name", "display_name", "description", "image", "flavor", "classification", "record_code",
            "enabled", "keep_state", "roles", "public_internet", "project_hosts",
            "egress_dry_run", "downloads", "quarantine")  # fmt: skip
    durations = ("idle_stop", "max_session", "max_extension", "state_retention")
    return {
        **{name: getattr(profile, name) for name in same},
        **{name: format_duration(getattr(profile, f"{name}_s")) for name in durations},
        "state_limit": exact_size(profile.state_max_bytes),
        "state_key": profile.state_key or PLATFORM,
        "frozen": PLATFORM if profile.frozen_s is None else format_duration(profile.frozen_s),
        "preimport": ", ".join(profile.preimport),
        "egress_volume": exact_size(profile.egress_volume_bytes) if profile.egress_volume_bytes else "",
        "egress_allowlist": "\n".join(profile.egress_allowlist),
        "egress_denylist": "\n".join(profile.egress_denylist),
        "egress_asklist": "\n".join(profile.egress_asklist),
    }


def _flavor_form(flavor: Flavor) -> dict[str, Any]:
    return {
        "name": flavor.name,
        "cpu": f"{flavor.cpu_millis / 1000:g}",
        "memory": exact_size(flavor.memory_bytes),
        "gpu_type": flavor.gpu_type,
        "gpu_count": str(flavor.gpu_count),
        "price_per_hour": f"{flavor.price_per_hour_micros / 1_000_000:g}",
        "needs_approval": flavor.needs_approval,
    }


def _flavor_wanted(given: dict[str, Any]) -> dict[str, Any]:
    count = given["gpu_count"] or "0"
    if not count.isascii() or not count.isdigit() or len(count) > 6:  # far beyond any host
        raise invalid("gpu_count", f"{count!r} is not a number.", "Give a whole number; 0 for none.")
    return given | {"gpu_count": int(count)}


def _errors(refusal: Refused | None) -> dict[str, str]:
    return field_errors(refusal) if refusal else {}


def _profile_page(
    request: Request, browser: SignedIn, name: str, form: dict[str, Any], refusal: Refused | None = None
) -> Response:
    office: Office = request.app.state.office
    with office.store.read() as tx:
        sizes = [flavor.name for flavor in flavors.list_flavors(tx, browser.actor)]
        found = profiles.find_profile(tx, name) if name else None
    known = known_to(office.settings)
    images = sorted({*known.images, str(form["image"])})
    keys = sorted({*known.state_keys, str(form["state_key"])} - {"", PLATFORM})
    values: dict[str, Any] = {
        "name": name,
        "form": {"downloads": found[0].downloads if found else Decision.ALLOW.value, **form},
        "errors": _errors(refusal),
        "flavors": [(one, one) for one in sizes],
        "images": [(one, one) for one in images],
        "state_keys": [(PLATFORM, "The platform's")] + [(one, one) for one in keys],
        "classifications": [(one, classification_words(one)) for one in CLASSIFICATIONS],
        "downloads": [(one.value, downloads_words(one)) for one in DOWNLOAD_WORDS],
        "roles": [role.value for role in Role],
        "packages": policy_words(found[0].packages) if found else "",
    }
    return page(request, "admin/profile.html", values, status=refusal.status if refusal else 200)


def _flavor_page(
    request: Request, name: str, form: dict[str, Any], refusal: Refused | None = None
) -> Response:
    values = {
        "name": name,
        "form": form,
        "errors": _errors(refusal),
        "currency": request.app.state.office.settings.currency,
    }
    return page(request, "admin/flavor.html", values, status=refusal.status if refusal else 200)
