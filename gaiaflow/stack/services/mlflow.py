"""The MLflow server of the embedded stack: tracking, model registry, artifacts proxied into the S3 store."""

from __future__ import annotations

from gaiaflow.endpoints import LOOPBACK, Endpoints, Vantage
from gaiaflow.stack.services.program import BUCKET, Program, Stack


def allowed_hosts(endpoints: Endpoints) -> str:
    """The Host headers that the server answers: how each vantage point calls it, never ``*``."""
    port = endpoints.ports["mlflow"]
    urls = [endpoints.url("mlflow", vantage) for vantage in Vantage]
    return ",".join(dict.fromkeys([f"localhost:{port}", *(url.removeprefix("http://") for url in urls)]))


def programs(stack: Stack) -> list[Program]:
    folder = stack.folder("data", "mlflow")
    port = stack.ports["mlflow"]
    argv = [stack.python("services"), "-m", "mlflow", "server"]
    argv += ["--host", LOOPBACK, "--port", str(port), "--workers", "1"]
    argv += ["--backend-store-uri", f"sqlite:///{folder / 'mlflow.db'}"]
    argv += ["--serve-artifacts", "--artifacts-destination", f"s3://{BUCKET}"]
    argv += ["--allowed-hosts", allowed_hosts(stack.endpoints)]
    argv += ["--cors-allowed-origins", f"http://{LOOPBACK}:{port},http://localhost:{port}"]
    env = {
        **stack.environment("mlflow"),
        **stack.s3_keys(),
        "MLFLOW_S3_ENDPOINT_URL": stack.endpoints.url("s3"),
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",  # five more processes that nobody here needs
    }
    return [Program("mlflow", argv, env, folder)]
