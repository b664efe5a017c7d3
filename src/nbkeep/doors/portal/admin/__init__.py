"""Pages for admins and auditors. Each asks its room, which decides who may."""

from . import audit, config, host, incidents, inventory, people, profiles, sessions, volumes

PAGES = (sessions, people, profiles, volumes, audit, inventory, incidents, host, config)
