"""Looks for secrets and personal data in what is saved and downloaded, and keeps the policy of both."""
