"""Declared connections: databases and services that have a name, granted to people, used at a local port.

Says which there are and who may use them. Moves no byte, and knows no password: that is the vault's.
"""
