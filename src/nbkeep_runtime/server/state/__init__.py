"""What is kept of kernels' variables between two runs of a session: encrypted, bound to its owner, verified.

Kernels pickle and unpickle in the sandbox. This room stores their bytes and never unpickles one; it holds the
key, and no byte reaches a kernel before it is verified. What comes from a kernel is hostile: every frame is
bounded and typed, every wait has an end.
"""
