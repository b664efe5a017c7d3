"""Sessions on this machine: bubblewrap, seccomp, cgroups, XFS homes, and the warden that keeps them.

Never trusts what runs in a sandbox, and never lets it hold a credential. Needs no other service to go on:
sessions outlive the warden and are found again by what lies in `run/s`.
"""
