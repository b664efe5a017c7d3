"""A process: moto's server, a whole stand-in of AWS that verifies signatures, behind TLS on loopback.

`python moto_behind_tls.py CERTIFICATE KEY [ADDRESS]` prints its port, and serves until it is killed. `POST
/moto-api/reset-auth` with a number says how many requests are still served without a valid signature.
"""

from __future__ import annotations

import importlib
import sys
from typing import Any

from werkzeug.serving import make_server

if __name__ == "__main__":
    moto: Any = importlib.import_module("moto.moto_server.werkzeug_app")  # which tells nothing of its types
    app = moto.DomainDispatcherApplication(moto.create_backend_app)
    address = sys.argv[3] if len(sys.argv) > 3 else "127.0.0.1"
    server = make_server(address, 0, app, threaded=True, ssl_context=(sys.argv[1], sys.argv[2]))
    sys.stdout.write(f"{server.server_port}\n")
    sys.stdout.flush()
    server.serve_forever()
