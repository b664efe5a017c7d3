"""The office's inner doors: for the hub, and for the trusted half of each session.

Never open through the public proxy: every call must come over the socket, with a token that no browser has.
"""
