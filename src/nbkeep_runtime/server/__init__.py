"""The trusted half of a session: files, records and the way to the kernels. Runs no code of the user."""
