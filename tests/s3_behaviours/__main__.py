"""`python -m tests.s3_behaviours URL MODULE…`: how each behaviour of these modules ended, as JSON."""

from __future__ import annotations

import json
import sys
import traceback

from tests.s3_behaviours.behaviour import TABLE, Behaviour, Store


def outcome(tried: Behaviour, url: str) -> str:
    """Empty when the store behaves so, else the end of what went wrong."""
    try:
        tried.run(Store(url, tried.name))
    except Exception:  # noqa: BLE001 - each library has its own
        return traceback.format_exc()[-1500:]
    return ""


def main(url: str, *modules: str) -> None:
    print(json.dumps({tried.name: outcome(tried, url) for tried in TABLE if tried.library in modules}))


if __name__ == "__main__":
    main(*sys.argv[1:])
