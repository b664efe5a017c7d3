"""Pages for admins and auditors. Each asks its room, which decides who may."""

from . import alarms, audit, config, dashboard, host, mail, people, profiles, sessions, volumes

PAGES = (sessions, people, profiles, volumes, dashboard, alarms, audit, host, config, mail)
