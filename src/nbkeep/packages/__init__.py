"""Packages: what sessions may fetch from a package index, decided by name, version and file, and on record.

It never unpacks a package, and never decides about hosts: that is `egress`.
"""
