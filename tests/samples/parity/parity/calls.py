"""The calls of the argument parity suite: what each must give, the same in every mode."""

from __future__ import annotations

from typing import Any

from .values import LARGE, SAME

SMALL = {name: value for name, value in SAME.items() if name != "kib_90"}
PARAMS: dict[str, Any] = {"text": 'a "quoted" {{ ds }}', "Number": 3, "nested": {"a": [1, None]}}

# task id: function, args, kwargs, value
VALUES: dict[str, tuple[str, list[Any], dict[str, Any], Any]] = {
    "same_values": ("echo", list(SMALL.values()), {}, list(SMALL.values())),
    "kib_90": ("measures", [SAME["kib_90"]], {}, 90 * 1024),
    "mib_1": ("measures", [LARGE["mib_1"]], {}, len(LARGE["mib_1"])),
    "by_name": ("takes_kwargs", [], {"a": 1, "params": "mine"}, {"a": 1, "params": "mine"}),
    "prints": ("prints", [], {}, "printed"),
    "writes_stderr": ("writes_stderr", [], {}, "written"),
    "returns_none": ("returns_none", [], {}, None),
    "leaves_a_process": ("leaves_a_process", [], {}, "left"),
    "returns_big": ("returns_big", [1024], {}, "gaiaflow" * (128 * 1024)),
    "takes_params": ("takes_params", [2], {}, {"scale": 2, "params": PARAMS}),
    "takes_kwargs": ("takes_kwargs", [], {"b": "x"}, {"b": "x", "params": PARAMS}),
    "takes_neither": ("takes_neither", [], {}, 1),
}

# task id: path, args, the error's text
FAILURES: dict[str, tuple[str, list[Any], str]] = {
    "exits": ("parity.functions:exits", [3], "parity.functions:exits raised SystemExit: 3"),
    "exits_with_0": ("parity.functions:exits", [0], "parity.functions:exits raised SystemExit: 0"),
    "raises_chained": (
        "parity.functions:raises_chained",
        [],
        "parity.functions:raises_chained raised ValueError: the outer error",
    ),
    "raises_unprintable": (
        "parity.functions:raises_unprintable",
        [],
        "(its text cannot be shown)",
    ),
    "returns_set": (
        "parity.functions:returns_set",
        [],
        'parity.functions:returns_set returned what is not JSON: result["a"] is a set',
    ),
    "returns_nan": (
        "parity.functions:returns_nan",
        [],
        "parity.functions:returns_nan returned what is not JSON: result is nan, which JSON does not have",
    ),
    "missing": ("parity.functions:ecko", [], "parity.functions has no function `ecko`: there is "),
    "no_import": (
        "parity.broken:unreachable",
        [],
        "parity.broken does not import: ModuleNotFoundError: No module named 'a_module_that_is_nowhere'",
    ),
    "dies": ("parity.functions:dies", [], "`parity.functions:dies` exited with code 9"),
    "leaves_without_result": (
        "parity.functions:leaves_without_result",
        [],
        "`parity.functions:leaves_without_result` ended without a result",
    ),
}


def tasks(**common: Any) -> list[dict[str, Any]]:
    """The arguments of create_task for all of them."""
    values = [
        {"task_id": name, "func_path": f"parity.functions:{function}", "func_args": args, "func_kwargs": kwargs}
        for name, (function, args, kwargs, _) in VALUES.items()
    ]
    failures = [
        {"task_id": name, "func_path": path, "func_args": args} for name, (path, args, _) in FAILURES.items()
    ]
    return [{**task, **common} for task in values + failures]
