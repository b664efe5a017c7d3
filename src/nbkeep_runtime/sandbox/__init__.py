"""The untrusted half: first process of a sandbox. Standard library only, any Python from 3.9 on.

Imports nothing of nbkeep, holds no credential, and is believed by nobody.
"""
