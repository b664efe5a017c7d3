"""Starts `init.py` as a module: Python compiles what it runs as a script each time, and a module once.

    python -I -S start.py

Without `site` (`-S`): what an image has for that is for kernels.
"""

import os
import sys

TYPE_CHECKING = False  # see processes.py
if TYPE_CHECKING:
    from nbkeep_runtime.sandbox import init
else:
    # -I leaves this folder out of the path, and there is no nbkeep in a sandbox.
    sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
    import init

init.main()
