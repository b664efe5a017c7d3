"""JupyterHub as the host: our authenticator, spawner, proxy and settings for it.

It decides nothing; the office does.
"""
