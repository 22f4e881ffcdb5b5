"""Whether functions can be called as their tasks call them; run in the project's environment, as runner.py is.

    python signatures.py RUNNER OUTCOME

The request on stdin: ``[{"function": "pkg.module:name", "args": 1, "kwargs": ["a"]}, ...]``. The outcome: a
list of what is wrong with each, or null. It imports the functions' modules and calls nothing. The standard
library and Python >= 3.8 are enough.
"""

import importlib.util
import json
import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, Optional


def load_runner(path: str) -> "Any":
    """The runner is a file, not a module of this environment."""
    spec: Any = importlib.util.spec_from_file_location("gaiaflow_runner", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def problem(runner: "Any", call: "Dict[str, Any]") -> "Optional[str]":
    module, _, name = call["function"].partition(":")
    try:
        function = runner.load(module, name)
        signature = runner.signature(function)
    except runner.Failure as failure:
        return str(failure)
    except Exception:  # noqa: BLE001 - made in C, or a decorator's doing: nothing is known of its arguments
        return None
    args = [None] * call["args"]
    try:
        signature.bind(*args, **runner.bind_params(function, args, dict.fromkeys(call["kwargs"]), {}))
    except TypeError as error:
        return "%s%s does not take this call: %s" % (call["function"], signature, error)
    return None


def main(runner_path: str, outcome: str) -> int:
    own = os.path.dirname(os.path.realpath(__file__))
    sys.path[:] = [p for p in sys.path if os.path.realpath(p) != own]  # nothing beside this file is a module
    runner = load_runner(runner_path)
    calls = json.loads(sys.stdin.read())
    runner.prepare_path(os.environ)
    text = json.dumps([problem(runner, call) for call in calls])
    with open(outcome, "w", encoding="utf-8") as file:
        file.write(text)
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
