"""The Docker socket proxy of `--with dev_docker`: python -IS /opt/gaiaflow/scripts/docker_proxy [PORT]

It lets through what dev_docker needs for the containers of its tasks and refuses everything else:

    GET     /_ping, /version, /images/NAME/json
    HEAD    /_ping
    POST    /containers/create?name=NAME
    GET     /containers/ID/json, /logs, /archive
    HEAD    /containers/ID/archive
    POST    /containers/ID/start, /wait, /stop, /kill, /attach
    PUT     /containers/ID/archive
    DELETE  /containers/ID

Nothing is passed on as it came. `routes.py` rebuilds the address, `container.py` the description of a
container, each from a list of what is allowed. A container gets a label when it is created, and every other
request works only on containers with that label, by their full id.

The environment: GAIAFLOW_PROJECT_ID; GAIAFLOW_NETWORK, the only network of a task's container besides none;
GAIAFLOW_DATA, the folders that a task may mount; GAIAFLOW_DOCKER_SOCKET, by default /var/run/docker.sock.
"""

import os
import sys
from pathlib import Path


def main() -> None:
    # `-I` leaves out the folder of the program, which makes the modules one package.
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
    from docker_proxy import engine, mount, server

    socket = os.environ.get("GAIAFLOW_DOCKER_SOCKET", "/var/run/docker.sock")
    port = int(sys.argv[1]) if len(sys.argv) > 1 else 2375
    project, network = os.environ["GAIAFLOW_PROJECT_ID"], os.environ["GAIAFLOW_NETWORK"]
    folders = mount.declared(os.environ.get("GAIAFLOW_DATA", ""))
    server.Proxy(("", port), engine.Engine(socket), project, network, folders).serve_forever()


if __name__ == "__main__":
    main()
