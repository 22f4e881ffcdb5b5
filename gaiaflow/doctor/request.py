"""Ask addresses and say how each answered: runs here, and as a text in any Python >= 3.8 of a container or pod.

    python -IS -c TEXT [--to FILE] NAME=URL...

Prints one JSON object: the time here, and for each name [status, error]. Stdlib only.
"""

from __future__ import annotations

import json
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

SECONDS = 8


def ask(url: str, opener: urllib.request.OpenerDirector | None = None) -> tuple[int, str]:
    """The status of the answer, and why there is none."""
    try:
        with (opener or urllib.request.build_opener()).open(url, timeout=SECONDS) as response:
            return response.status, ""
    except urllib.error.HTTPError as error:
        return error.code, ""
    except (OSError, ValueError) as error:
        reason = getattr(error, "reason", error)
        return 0, str(getattr(reason, "strerror", None) or reason).lower()[:200]


def main(argv: list[str]) -> None:
    to = argv[1] if argv[:1] == ["--to"] else ""
    named = [pair.partition("=") for pair in (argv[2:] if to else argv)]
    told = json.dumps({"time": time.time(), "answers": {name: ask(url) for name, _, url in named}})
    if to:
        Path(to).write_text(told, encoding="utf-8")
    print(told)  # noqa: T201 - its one result


if __name__ == "__main__":
    main(sys.argv[1:])
