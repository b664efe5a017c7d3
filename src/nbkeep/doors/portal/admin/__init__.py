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
    evidence,
    host,
    config,
    mail,
)
