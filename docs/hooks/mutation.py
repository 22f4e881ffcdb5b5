"""How many small changes of the code the tests notice, as markdown; `nox -s mutation` keeps the results."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).parents[1] / "mutation.json"


def mutation() -> str:
    """A row for each target, then one for each change that no test noticed."""
    targets = json.loads(RESULTS.read_text(encoding="utf-8"))["targets"]
    scores = ["| code | changes | tried | noticed | |", "|---|---:|---:|---:|---:|", *map(_score, targets)]
    left = [row for target in targets for row in _survivors(target)]
    return "\n".join([*scores, "", "| where | change | why it stays |", "|---|---|---|", *left])


def _score(target: dict[str, Any]) -> str:
    share = f"{target['killed'] / target['tried']:.0%}"
    return f"| {target['name']} | {target['mutants']} | {target['tried']} | {target['killed']} | {share} |"


def _survivors(target: dict[str, Any]) -> Iterator[str]:
    for one in target["survivors"]:
        where = f"`{Path(one['file']).name}`, `{one['function']}`" if one["function"] else f"`{one['file']}`"
        before, after = (one[side].replace("|", "\\|") for side in ("before", "after"))
        yield f"| {where} | `{before}` to `{after}` | {one['answer'] or 'open'} |"
