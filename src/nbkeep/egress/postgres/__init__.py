"""PostgreSQL at a declared connection: the gateway logs in with the password, the program never sees it."""
