"""What travels with a session: the trusted server half and the untrusted sandbox half."""
