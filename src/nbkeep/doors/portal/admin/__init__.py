"""Pages for admins and auditors. Each asks its room, which decides who may."""

from . import (
    alarms,
    audit,
    classifications,
    config,
    dashboard,
    evidence,
    host,
    incidents,
    inventory,
    mail,
    people,
    policies,
    profiles,
    releases,
    sessions,
    volumes,
)

PAGES = (
    sessions,
    people,
    profiles,
    classifications,
    policies,
    volumes,
    dashboard,
    alarms,
    audit,
    inventory,
    incidents,
    releases,
    evidence,
    host,
    config,
    mail,
)
