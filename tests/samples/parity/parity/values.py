"""Arguments that must arrive equal in every mode, and those that must be refused alike."""

from __future__ import annotations

from typing import Any

SAME: dict[str, Any] = {
    "none": None,
    "true": True,
    "false": False,
    "zero": 0,
    "beyond_2_53": 2**53 + 1,
    "beyond_2_63": 2**64 - 1,
    "float": 0.1,
    "tiny": 5e-324,
    "whole_float": 1.0,
    "unicode": "Grüße, 世界 🌍 \u2028",
    "quotes": 'it\'s "quoted" `twice`',
    "backslashes": "C:\\new\\table",
    "newlines": "one\ntwo\r\nthree\ttab",
    "template": "{{ ds }} {% raw %} {# no #}",
    "template_file": "looks_like_a_template.sh",
    "dollar": "$HOME ${HOME} $(HOME) %PATH%",
    "empty_text": "",
    "blank": "  ",
    "empty_list": [],
    "empty_dict": {},
    "nested": {"a": [{"b": [1, [2, {"c": None}]]}, "x"], "": {"{{ ds }}": "{{ ds }}"}},
    "looks_like_json": '{"a": 1}',
    "looks_like_none": "None",
    "kib_90": "x" * (90 * 1024),
}
# The largest text that a task takes: its call has 1 MiB.
LARGE: dict[str, Any] = {"mib_1": "y" * (1024 * 1024 - 256)}
REFUSED: dict[str, Any] = {
    "nan": float("nan"),
    "infinity": float("inf"),
    "set": {1, 2},
    "bytes": b"bytes",
    "number_as_key": {1: "one"},
}
