"""The S3 store: no key, a wrong key, another bucket, and keys that climb out of their folder."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest
from evidence import Evidence
from requests_out import answer, status
from small_project import SmallProject

from gaiaflow.infra.environments.environment import ensure_environment
from gaiaflow.stack import backends
from gaiaflow.stack.services.access import shell_environment

pytestmark = pytest.mark.stack

CANARY = "/tmp/gaiaflow-escaped"
# What a search of the whole container finds when it ran.
_THERE = "/etc/passwd"
CLIMBING = [
    "/mlflow/../../../etc/passwd",
    "/mlflow/..%2f..%2f..%2fetc%2fpasswd",
    "/..%2f..%2fetc/passwd",
    "/%2e%2e/%2e%2e/etc/passwd",
    "/mlflow/%00",
    "//etc/passwd",
]
_PROGRAM = """
import boto3, json, os, sys
from botocore.config import Config
from botocore.exceptions import ClientError, BotoCoreError
def client(key, secret):
    return boto3.client("s3", endpoint_url=os.environ["AWS_ENDPOINT_URL_S3"], region_name="us-east-1",
        aws_access_key_id=key, aws_secret_access_key=secret, config=Config(retries={"max_attempts": 0}))
def code(call, **options):
    try: call(**options); return "done"
    except ClientError as error: return str(error.response["ResponseMetadata"]["HTTPStatusCode"])
    except BotoCoreError as error: return "refused by the client"
own, secret = os.environ["AWS_ACCESS_KEY_ID"], os.environ["AWS_SECRET_ACCESS_KEY"]
told = {}
wrong = client(own, "x" * 40); stranger = client("AKIA" + "X" * 16, secret)
told["wrong secret"] = code(wrong.list_buckets)
told["unknown key"] = code(stranger.list_buckets)
told["wrong secret, put"] = code(wrong.put_object, Bucket="mlflow", Key="x", Body=b"x")
good = client(own, secret)
told["own"] = code(good.list_buckets)
good.put_object(Bucket="mlflow", Key="inside", Body=b"inside")
buckets = sorted(bucket["Name"] for bucket in good.list_buckets()["Buckets"])
for key in ("../../../../../../../../tmp/gaiaflow-escaped", "a/../../../../../../tmp/gaiaflow-escaped", "..",
            "../.system/filer.conf"):
    told["climb " + key] = code(good.put_object, Bucket="mlflow", Key=key, Body=b"canary")
told["inside"] = good.get_object(Bucket="mlflow", Key="inside")["Body"].read().decode()
told["same buckets"] = buckets == sorted(bucket["Name"] for bucket in good.list_buckets()["Buckets"])
print(json.dumps(told))
"""


@pytest.fixture
def url(stack: SmallProject) -> str:
    found = backends.current(stack.project)
    assert found is not None
    return found.endpoints().url("s3")


def test_without_a_key(url: str, stack: SmallProject, evidence: Evidence) -> None:
    assert status(f"{url}/") == 403
    assert status(f"{url}/mlflow") == 403
    assert status(f"{url}/mlflow/x", method="PUT", body=b"x") == 403
    assert status(f"{url}/mlflow/x", method="DELETE") == 403
    assert status(f"{url}/mlflow?policy") == 403
    evidence.add(
        "access", f"S3 without a key: list, read, write, delete, policy, {stack.state['backend']}", "403"
    )


def test_paths_that_climb_give_nothing(url: str) -> None:
    for path in CLIMBING:
        code, body = answer(url + path)
        assert code >= 300, path
        assert b"root:" not in body


def test_wrong_keys_and_climbing_keys(stack: SmallProject, evidence: Evidence) -> None:
    Path(CANARY).unlink(missing_ok=True)
    values = shell_environment(stack.project, backends.current(stack.project))
    done = subprocess.run(
        [str(ensure_environment(stack.project, "services")), "-c", _PROGRAM],
        env={**os.environ, **values},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told.pop("own") == "done"
    assert {told.pop(name) for name in ("wrong secret", "unknown key", "wrong secret, put")} == {"403"}
    assert (told.pop("inside"), told.pop("same buckets")) == ("inside", True)
    # Some are refused, some are keys of that very name within the store; none is an answer of another kind.
    assert {name.split()[0] for name in told} == {"climb"}
    assert set(told.values()) <= {"done", "400", "403", "404", "refused by the client"}, told
    assert _escaped(stack) == []
    evidence.add(
        "access",
        f"S3 with a wrong secret, an unknown key, and keys like `../../tmp/x`, {stack.state['backend']}",
        "403; nothing is written outside the store",
    )


def _escaped(stack: SmallProject) -> list[str]:
    """Files of the climbing key's name, on the machine of the store."""
    name = Path(CANARY).name
    if stack.state["backend"] == "embedded":
        return [str(path) for path in (Path(CANARY), *stack.root.rglob(name)) if path.exists()]
    wanted = ["(", "-name", name, "-o", "-path", _THERE, ")"]
    argv = ["docker", "exec", f"{stack.project.id}-s3-1", "find", "/", "-xdev", *wanted]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)  # 1: a folder that is closed to it
    found = done.stdout.splitlines()
    assert _THERE in found, done.stderr
    return [path for path in found if path != _THERE]
