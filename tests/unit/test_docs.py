"""README and code say the same."""

from __future__ import annotations

import re
from pathlib import Path

from gaiaflow.lifecycle.namespace import namespace
from gaiaflow.modes import Mode
from gaiaflow.settings import Settings

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def verbs() -> dict[str, str]:
    """Each verb with the first sentence of its docstring."""
    named = namespace().task_names
    root = namespace()
    return {
        name: (root[name].__doc__ or "").split("\n\n")[0].replace("\n", " ").strip() for name in sorted(named)
    }


def table() -> str:
    rows = [f"| `inv {name}` | {' '.join(text.split())} |" for name, text in verbs().items()]
    return "\n".join(["| verb | what it does |", "|---|---|", *rows])


def test_the_table_of_verbs_is_the_list_of_verbs() -> None:
    between = re.search(r"<!-- verbs -->\n(.*?)<!-- /verbs -->", README, re.DOTALL)
    assert between is not None
    assert between.group(1).strip() == table(), f"put this between the marks:\n{table()}"


def test_every_verb_says_what_it_does() -> None:
    assert not [name for name, text in verbs().items() if not text.endswith(".")]


def test_every_command_of_the_readme_exists() -> None:
    named = set(re.findall(r"\binv (?:--help )?([a-z]+\.[a-z-]+)", README))
    assert named <= set(verbs())
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert set(re.findall(r"\bmake ([a-z]+)\b", README)) - {"and", "one"} <= targets


def test_every_mode_and_setting_is_named() -> None:
    assert not [m for m in Mode if f"`{m}`" not in README]
    toml = re.search(r"\[tool.gaiaflow\]\n(.*?)```", README, re.DOTALL)
    assert toml is not None
    named = set(re.findall(r"^(\w+) =", toml.group(1), re.MULTILINE))
    assert named <= set(Settings.model_fields)


if __name__ == "__main__":
    text = re.sub(
        r"(<!-- verbs -->\n).*?(<!-- /verbs -->)", lambda m: f"{m[1]}{table()}\n{m[2]}", README, flags=re.DOTALL
    )
    (ROOT / "README.md").write_text(text, encoding="utf-8")
