"""Runs code in a kernel of a running JupyterLab: a script for the project's environment, which has the clients.

``python jupyter_kernel.py URL TOKEN PATH`` reads a JSON list of cells on stdin; the output is a JSON list too.
"""

from __future__ import annotations

import json
import sys
import urllib.request
import uuid
from typing import Any

LONGEST = 120


def ask(url: str, token: str, method: str, body: dict[str, Any] | None = None) -> Any:
    """One request to Jupyter's API."""
    headers = {"Authorization": f"token {token}", "Content-Type": "application/json"}
    data = json.dumps(body).encode() if body else None
    request = urllib.request.Request(url, data, headers, method=method)
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(request, timeout=LONGEST) as answer:
        return json.loads(answer.read() or b"null")


def execute(socket: Any, code: str) -> dict[str, Any]:
    """Run one cell; its text and its error."""
    number = uuid.uuid4().hex
    header = {
        "msg_id": number,
        "msg_type": "execute_request",
        "session": "s",
        "username": "u",
        "version": "5.3",
    }
    content = {"code": code, "silent": False, "store_history": True, "allow_stdin": False}
    message = {"header": header, "parent_header": {}, "metadata": {}, "content": content, "channel": "shell"}
    socket.send(json.dumps({**message, "buffers": []}))
    told, error = "", ""
    while True:
        got = json.loads(socket.recv())
        if got["parent_header"].get("msg_id") != number:
            continue
        kind, content = got["header"]["msg_type"], got["content"]
        told += content.get("text", "") if kind == "stream" else content.get("data", {}).get("text/plain", "")
        if kind == "error":
            error = f"{content['ename']}: {content['evalue']}"
        if kind == "status" and content["execution_state"] == "idle":
            return {"text": told, "error": error}


def main(url: str, token: str, path: str) -> None:
    import websocket

    kernel = ask(f"{url}/api/kernels", token, "POST", {"name": "python3", "path": path})
    try:
        address = f"{url.replace('http', 'ws', 1)}/api/kernels/{kernel['id']}/channels"
        headers = [f"Authorization: token {token}"]
        socket = websocket.create_connection(address, header=headers, timeout=LONGEST)
        cells = json.load(sys.stdin)
        sys.stdout.write(json.dumps([execute(socket, cell) for cell in cells]))
        socket.close()
    finally:
        ask(f"{url}/api/kernels/{kernel['id']}", token, "DELETE")


if __name__ == "__main__":
    main(*sys.argv[1:])
