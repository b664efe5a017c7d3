"""Evidence packs: what is on record, control by control of a framework, in a file that verifies anywhere.

Never invents a fact and never rounds one up: a control for which nothing is on record is "not covered".
"""
