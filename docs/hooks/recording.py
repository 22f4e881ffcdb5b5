"""The picture of a terminal in README: commands are run in a clone, and their output is drawn as an SVG.

`python docs/hooks/recording.py run` runs them and keeps the output in images/terminal.txt. Without `run`, it
only draws the SVG from that file. The same file gives the same bytes.
"""

from __future__ import annotations

import html
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
TRANSCRIPT = ROOT / "docs" / "images" / "terminal.txt"
PICTURE = TRANSCRIPT.with_suffix(".svg")
COMMANDS = ("dag.graph co2_forecast", "dag.test co2_forecast")
COLUMNS, LINE, LETTER, BORDER = 92, 20, 8.4, 20


def run() -> None:
    """Run the commands and keep what they print, without what the functions log."""
    shown = [line for command in COMMANDS for line in (f"$ gaiaflow {command}", *_output(command))]
    TRANSCRIPT.write_text("\n".join(shown) + "\n", encoding="utf-8")


def _output(command: str) -> list[str]:
    called = [sys.executable, "-m", "gaiaflow", *command.split()]
    done = subprocess.run(
        called, cwd=ROOT, text=True, check=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    said = (line.rstrip() for line in done.stdout.splitlines())
    lines = [line for line in said if line and not line.startswith("[") and " | " not in line]
    return [line if len(line) <= COLUMNS else f"{line[: COLUMNS - 1]}…" for line in lines]


def drawn(transcript: str) -> str:
    """A terminal with these lines; a line that begins with `$` is a command."""
    lines = transcript.splitlines()
    width, height = round(COLUMNS * LETTER + 2 * BORDER), len(lines) * LINE + 2 * BORDER
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img" '
        f'font-family="ui-monospace, Menlo, Consolas, monospace" font-size="14" fill="#d6deeb">\n'
        f"<title>{html.escape(' and '.join(f'gaiaflow {command}' for command in COMMANDS))}</title>\n"
        f'<rect width="{width}" height="{height}" rx="8" fill="#10202b"/>\n'
    )
    return head + "".join(_line(n, text) for n, text in enumerate(lines)) + "</svg>\n"


def _line(number: int, text: str) -> str:
    colour = ' fill="#7fdbca"' if text.startswith("$ ") else ""
    top = BORDER + number * LINE + 15
    return f'<text x="{BORDER}" y="{top}" xml:space="preserve"{colour}>{html.escape(text)}</text>\n'


if __name__ == "__main__":
    if sys.argv[1:] == ["run"]:
        run()
    PICTURE.write_text(drawn(TRANSCRIPT.read_text(encoding="utf-8")), encoding="utf-8")
