"""What each soak saw, as markdown and as a curve; `nox -s soak -- --json docs/soak.json` keeps its samples."""

from __future__ import annotations

import html
import json
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
RUNS = ROOT / "docs" / "soak.json"
IMAGES = ROOT / "docs" / "images"
sys.path.insert(0, str(ROOT / "tests" / "soak"))

from growth import Growth, Point, judged, series  # noqa: E402

WIDTH, HEIGHT, LEFT, BOTTOM, TOP, RIGHT = 960, 360, 60, 40, 16, 210
COLOURS = (
    "#1f77b4",
    "#d95f02",
    "#2ca02c",
    "#c51b7d",
    "#7b3294",
    "#8c564b",
    "#008b8b",
    "#636363",
    "#b8860b",
)
COLUMNS = {"memory": "memory, MiB", "files": "open files", "sockets": "sockets", "processes": "processes"}
WHOLE = {
    "locks": "locks on the databases",
    "refused": "log lines `database is locked`, per minute",
}


def kept() -> dict[str, Any]:
    """The last run of each backend."""
    return dict(json.loads(RUNS.read_text(encoding="utf-8")))


def soak() -> str:
    """For each backend what was done, the curve, and how each series grew."""
    if not kept():
        return "No run is kept yet."
    return "\n\n".join(_part(backend, run) for backend, run in sorted(kept().items(), reverse=True))


def _part(backend: str, run: dict[str, Any]) -> str:
    growths = judged(run["samples"])
    curve = f"![Memory of each program of the {backend} stack over the run](images/soak-{backend}.svg)"
    return "\n\n".join([f"## {backend}", _summary(run), curve, _table(growths), _stack(growths)])


def _summary(run: dict[str, Any]) -> str:
    steps = run["steps"]
    count = {
        word: sum(step["step"].startswith(word) for step in steps)
        for word in ("run", "edit", "restart", "kill", "objects")
    }
    failed = [step for step in steps if step["error"]]
    said = "Every step succeeded." if not failed else f"**{len(failed)} of {len(steps)} steps failed**:"
    lines = [f"- minute {step['minute']:.0f}, {step['step']}: {_short(step['error'])}" for step in failed]
    return (
        f"{run['minutes']} minutes on {run['taken']}, {run['machine']}: {count['run']} runs of a DAG, "
        f"{count['edit']} edits, {count['restart']} restarts, {count['kill']} killed programs, "
        f"{count['objects']} objects and MLflow runs. {said}" + "".join(f"\n{line}" for line in lines)
    )


def _short(error: str) -> str:
    return f"`{' '.join(error.replace('`', '').split())[:160]}`"


def _table(growths: list[Growth]) -> str:
    by_name = {(one.program, one.what): one for one in growths}
    head = ["program", *COLUMNS.values()]
    rows = [f"| {' | '.join(head)} |", "|---" * len(head) + "|"]
    for program in dict.fromkeys(one.program for one in growths if one.program):
        cells = [_cell(by_name.get((program, what))) for what in COLUMNS]
        rows.append(f"| `{program}` | {' | '.join(cells)} |")
    return "\n".join(rows)


def _cell(one: Growth | None) -> str:
    if one is None:
        return ""
    if one.ratio is None:
        return f"{one.first:.0f} → {one.last:.0f}"
    text = f"{one.first:.0f} → {one.last:.0f} ({100 * one.ratio:+.0f} %)"
    return f"**{text}**" if one.grows else text


def _stack(growths: list[Growth]) -> str:
    return "\n".join(f"- {WHOLE[one.what]}: {_cell(one)}" for one in growths if not one.program)


def drawn(backend: str, run: dict[str, Any]) -> str:
    """An SVG: the memory of each program over the run, a grey line at each restart, a red one at each kill."""
    found = {program: points for (program, what), points in series(run["samples"]).items() if what == "memory"}
    top = max((value for points in found.values() for _, value in points), default=1)
    scale = (run["minutes"], top * 1.05)
    title = html.escape(f"Memory of the {backend} stack, {run['minutes']} minutes, {run['taken']}")
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" font-size="12" '
        'font-family="system-ui,-apple-system,Segoe UI,Roboto,Helvetica,Arial,sans-serif">',
        f"<title>{title}</title>",
        f'<rect width="{WIDTH}" height="{HEIGHT}" rx="8" fill="#ffffff"/>',
        *_axes(scale),
        *(_mark(step, scale) for step in run["steps"] if step["step"].startswith(("kill", "restart"))),
    ]
    for number, (program, points) in enumerate(sorted(found.items(), key=lambda each: -each[1][-1][1])):
        parts += _curve(program, points, scale, number)
    return "\n".join([*parts, "</svg>"]) + "\n"


def _place(point: Point, scale: Point) -> tuple[float, float]:
    across, down = WIDTH - LEFT - RIGHT, HEIGHT - TOP - BOTTOM
    return round(LEFT + across * point[0] / scale[0], 1), round(TOP + down * (1 - point[1] / scale[1]), 1)


def _axes(scale: Point) -> list[str]:
    lines, grey = [], 'fill="#43505c"'
    for minute, memory in ((scale[0] * part / 4, scale[1] * part / 4) for part in range(5)):
        x, y = _place((minute, memory), scale)
        lines += [
            f'<path d="M{LEFT} {y}H{WIDTH - RIGHT}" stroke="#e3e7eb"/>',
            f'<text x="{LEFT - 8}" y="{y + 4}" text-anchor="end" {grey}>{memory:.0f}</text>',
            f'<text x="{x}" y="{HEIGHT - 20}" text-anchor="middle" {grey}>{minute:.0f}</text>',
        ]
    lines.append(f'<text x="{LEFT}" y="{HEIGHT - 5}" fill="#43505c">minutes; MiB</text>')
    return lines


def _mark(step: dict[str, Any], scale: Point) -> str:
    x, _ = _place((step["minute"], 0), scale)
    colour = "#e07b7b" if step["step"].startswith("kill") else "#b9c2cb"
    return f'<path d="M{x} {TOP}V{HEIGHT - BOTTOM}" stroke="{colour}" stroke-dasharray="2 4"/>'


def _curve(program: str, points: list[Point], scale: Point, number: int) -> list[str]:
    colour = COLOURS[number % len(COLOURS)]
    path = " ".join(f"{x},{y}" for x, y in (_place(point, scale) for point in points))
    line, left = TOP + 14 + 20 * number, WIDTH - RIGHT + 16
    return [
        f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="1.8"/>',
        f'<path d="M{left} {line - 4}h16" stroke="{colour}" stroke-width="3"/>',
        f'<text x="{left + 22}" y="{line}" fill="#17212b">{html.escape(program)}</text>',
    ]


if __name__ == "__main__":
    for name, one in kept().items():
        (IMAGES / f"soak-{name}.svg").write_text(drawn(name, one), encoding="utf-8")
