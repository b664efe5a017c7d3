"""Pages for admins and auditors. Each asks its room, which decides who may."""

from . import audit, config, evidence, host, people, profiles, sessions, volumes

PAGES = (sessions, people, profiles, volumes, audit, evidence, host, config)
