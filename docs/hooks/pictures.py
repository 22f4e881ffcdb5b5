"""The pictures of the concepts: rows of boxes with arrows between them, drawn as SVG.

`python docs/hooks/pictures.py` writes them. The same rows give the same bytes.
"""

from __future__ import annotations

import html
from dataclasses import dataclass
from pathlib import Path

from gaiaflow.endpoints import GATEWAY, PORTS

IMAGES = Path(__file__).parents[1] / "images"
WIDTH, HEIGHT, GAP, BORDER, NOTE = 960, 84, 46, 12, 22
FILLS = {"": ("#f4f6f8", "#aeb8c2"), "yours": ("#d5efe9", "#1f9d85"), "airflow": ("#d9e8fb", "#3b7dd8")}


@dataclass(frozen=True)
class Box:
    """What is written in a box: a title, and up to two short lines below it.

    Attributes:
        owner: `yours`, `airflow`, or empty for what gaiaflow does.
    """

    title: str
    text: str = ""
    owner: str = ""


Row = tuple[Box, ...]
MLFLOW = PORTS["mlflow"].port
PICTURES: dict[str, tuple[str, tuple[Row, ...]]] = {
    "concept-task": (
        "From a DAG file to a function",
        (
            (
                Box("DAG file", "create_task(…)", "yours"),
                Box("Airflow", "decides when", "airflow"),
                Box("operator", "process, container\nor pod, by mode", "airflow"),
                Box("runner", "arguments and\nresult are JSON"),
                Box("function", "my_package.model:\ntrain", "yours"),
            ),
        ),
    ),
    "concept-environment": (
        "Two environments",
        (
            (
                Box("Airflow's environment", "Airflow, its providers,\ngaiaflow", "airflow"),
                Box("JSON", "arguments, result"),
                Box("project's environment", "your packages,\nyour Python", "yours"),
            ),
            (
                Box("DAG files", "are read here", "airflow"),
                Box("FromTask, FromRun", "become values"),
                Box("functions", "run here", "yours"),
            ),
        ),
    ),
    "concept-image": (
        "From a project to an image",
        (
            (
                Box("lock", "dependencies", "yours"),
                Box("my_package/", "your code", "yours"),
                Box("runner", "calls the function"),
                Box("image", "tag: a hash of\nits content"),
                Box("container or pod", "dev_docker, prod_local,\nprod", "airflow"),
            ),
        ),
    ),
    "concept-secret": (
        "The way of a secret",
        (
            (
                Box("values", "file, stdin or prompt", "yours"),
                Box("secret.create", "checks the keys"),
                Box("store", "a file (0600) or\nthe cluster"),
                Box("task", 'secrets=["archive"]', "yours"),
                Box("function", 'os.environ["TOKEN"]', "yours"),
            ),
        ),
    ),
    "concept-data": (
        "Small values go through Airflow, data goes by address",
        (
            (
                Box("read", 'returns {"levels": […]}', "yours"),
                Box("Airflow", "keeps the JSON\nas an XCom", "airflow"),
                Box("FromTask", '("read", key="levels")'),
                Box("mean", "takes the list", "yours"),
            ),
            (
                Box("mosaic", "writes a raster,\nreturns its address", "yours"),
                Box("S3 or MLflow", "keeps the data"),
                Box("FromTask", '("mosaic")'),
                Box("train", "opens the address", "yours"),
            ),
        ),
    ),
    "concept-addresses": (
        "One service, an address for each caller",
        (
            (
                Box("this machine", "dev, notebooks", "yours"),
                Box(f"http://127.0.0.1:{MLFLOW}"),
                Box("MLflow"),
            ),
            (Box("a container", "dev_docker", "yours"), Box(f"http://mlflow:{MLFLOW}"), Box("MLflow")),
            (
                Box("a pod", "prod_local", "yours"),
                Box(f"http://{GATEWAY}:{MLFLOW}"),
                Box("MLflow"),
            ),
        ),
    ),
}


def drawn(title: str, rows: tuple[Row, ...]) -> str:
    """An SVG of some rows, each as wide as the picture."""
    height = len(rows) * (HEIGHT + NOTE) - NOTE + 2 * BORDER
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img" '
        'font-family="system-ui,-apple-system,Segoe UI,Roboto,Helvetica,Arial,sans-serif">\n'
        f"<title>{html.escape(title)}</title>\n"
        f'<rect width="{WIDTH}" height="{height}" rx="8" fill="#ffffff"/>\n'
        '<defs><marker id="a" viewBox="0 0 10 10" refX="9" refY="5" markerWidth="7" markerHeight="7" '
        'orient="auto"><path d="M0 0 10 5 0 10z" fill="#7f8c99"/></marker></defs>\n'
    )
    return head + "".join(_row(row, BORDER + n * (HEIGHT + NOTE)) for n, row in enumerate(rows)) + "</svg>\n"


def _row(row: Row, top: int) -> str:
    width = (WIDTH - 2 * BORDER - (len(row) - 1) * GAP) / len(row)
    lefts = [BORDER + n * (width + GAP) for n in range(len(row))]
    arrows = [
        f'<path d="M{left - GAP + 4:.0f} {top + HEIGHT / 2:.0f}H{left - 4:.0f}" stroke="#7f8c99" '
        'stroke-width="1.8" marker-end="url(#a)"/>\n'
        for left in lefts[1:]
    ]
    return "".join(_box(box, left, top, width) for box, left in zip(row, lefts, strict=True)) + "".join(arrows)


def _box(box: Box, left: float, top: int, width: float) -> str:
    fill, stroke = FILLS[box.owner]
    lines = [line for line in box.text.split("\n") if line]
    first = top + HEIGHT / 2 + 5 - 9 * len(lines)
    middle = f'x="{left + width / 2:.0f}" text-anchor="middle"'
    texts = [
        f'<text {middle} y="{first + 19 + 16 * n:.0f}" font-size="12.5" fill="#43505c">'
        f"{html.escape(line)}</text>\n"
        for n, line in enumerate(lines)
    ]
    return (
        f'<rect x="{left:.0f}" y="{top}" width="{width:.0f}" height="{HEIGHT}" rx="10" fill="{fill}" '
        f'stroke="{stroke}" stroke-width="1.5"/>\n'
        f'<text {middle} y="{first:.0f}" font-size="15" font-weight="650" fill="#17212b">'
        f"{html.escape(box.title)}</text>\n" + "".join(texts)
    )


if __name__ == "__main__":
    for name, picture in PICTURES.items():
        (IMAGES / f"{name}.svg").write_text(drawn(*picture), encoding="utf-8")
