"""Ask one HTTP address whether it is up; exit code 0 or 1. Stdlib only, for health checks that cost little.

    python -IS health.py URL [PART]

PART is one of Airflow's parts in its health answer: scheduler, dag_processor, triggerer.
"""

import http.client
import json
import sys
from urllib.parse import urlsplit


def healthy(url: str, part: str = "") -> bool:
    address = urlsplit(url)
    connection = http.client.HTTPConnection(address.hostname or "", address.port, timeout=4)
    try:
        connection.request("GET", address.path or "/")
        answer = connection.getresponse()
        body = answer.read()
        return answer.status == 200 and (not part or json.loads(body)[part]["status"] == "healthy")
    except (OSError, ValueError, KeyError, TypeError, http.client.HTTPException):
        return False


if __name__ == "__main__":
    sys.exit(0 if healthy(*sys.argv[1:3]) else 1)
