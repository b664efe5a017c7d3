"""Sending the audit journal on to a SIEM, as it grows: webhooks and syslog, at least once, in order.

Never copies an event: each destination has a place in the journal up to which it has everything. Never holds
up who writes the journal, and never changes a record.
"""
