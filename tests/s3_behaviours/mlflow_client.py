"""MLflow's own store of artifacts."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Any

from tests.s3_behaviours.behaviour import BUCKET, Store, behaviour


def connect(store: Store) -> Any:
    from mlflow.store.artifact.s3_artifact_repo import S3ArtifactRepository

    os.environ["MLFLOW_S3_ENDPOINT_URL"] = store.url
    return S3ArtifactRepository(f"s3://{BUCKET}/{store.name}")


@behaviour("MLflow writes, lists, reads and deletes a folder of artifacts", "MLflow")
def mlflow_artifacts(store: Store) -> None:
    artifacts = connect(store)
    with tempfile.TemporaryDirectory() as given, tempfile.TemporaryDirectory() as taken:
        Path(given, "model").mkdir()
        Path(given, "model", "weights.bin").write_bytes(b"w" * 100_000)
        Path(given, "metrics é.json").write_text("{}")
        artifacts.log_artifacts(given, "run")
        listed = {(file.path, file.is_dir, file.file_size) for file in artifacts.list_artifacts("run")}
        assert listed == {("run/model", True, None), ("run/metrics é.json", False, 2)}
        artifacts.download_artifacts("run", taken)
        assert Path(taken, "run", "model", "weights.bin").read_bytes() == b"w" * 100_000
    artifacts.delete_artifacts("run")
    assert [file for file in artifacts.list_artifacts("run") if not file.is_dir] == []
    assert store.names() == []


@behaviour("MLflow signs a URL to read from, and URLs for the parts of an upload", "MLflow")
def mlflow_signed(store: Store) -> None:
    from tests.s3_behaviours.signatures import ask

    artifacts = connect(store)
    store.put("a.txt", b"text")
    assert ask(artifacts.get_download_presigned_url("a.txt").url) == (200, b"text")
    upload = artifacts.create_multipart_upload("large", 1)
    assert upload.credentials[0].part_number == 1
    artifacts.abort_multipart_upload("large", upload.upload_id)
