"""The script that has MLflow's bucket ready; boto3 is a fake of three methods."""

from __future__ import annotations

import importlib.util
import sys
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from gaiaflow.infra.host.shipped import shipped


class ClientError(Exception):
    """As botocore has it."""

    def __init__(self, status: int, code: str = "") -> None:
        super().__init__(code)
        self.response = {"ResponseMetadata": {"HTTPStatusCode": status}, "Error": {"Code": code}}


class Client:
    """A store with these answers: to a look at the bucket, and to making it."""

    def __init__(self, head: ClientError | None, create: ClientError | None = None, region: str = "us-east-1"):
        self.answers = {"head": head, "create": create}
        self.meta = SimpleNamespace(region_name=region)
        self.made: list[dict[str, Any]] = []

    def head_bucket(self, **_: str) -> None:
        self._answer("head")

    def create_bucket(self, **asked: Any) -> None:
        self._answer("create")
        self.made.append(asked)

    def list_buckets(self) -> None:
        raise ClientError(403, "AccessDenied")

    def _answer(self, what: str) -> None:
        if error := self.answers[what]:
            raise error


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch) -> Any:
    errors: Any = ModuleType("botocore.exceptions")
    errors.ClientError, errors.BotoCoreError = ClientError, type("BotoCoreError", (Exception,), {})
    for name, module in (("boto3", ModuleType("boto3")), ("botocore", ModuleType("botocore"))):
        monkeypatch.setitem(sys.modules, name, module)
    monkeypatch.setitem(sys.modules, "botocore.exceptions", errors)
    spec = importlib.util.spec_from_file_location("bucket_script", shipped("compose") / "scripts" / "bucket.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def run(script: Any, client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    """The whole script; its clock goes 5 s a look."""
    clock = iter(range(0, 10_000, 5))
    monkeypatch.setattr(script, "time", SimpleNamespace(monotonic=lambda: next(clock), sleep=lambda _: None))
    monkeypatch.setattr(script, "boto3", SimpleNamespace(client=lambda _: client))
    script.main("team-mlflow")


def test_a_bucket_that_is_there_needs_no_right_to_list(script: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    client = Client(head=None)
    run(script, client, monkeypatch)
    assert client.made == []


@pytest.mark.parametrize(
    ("region", "asked"),
    [
        ("us-east-1", {"Bucket": "team-mlflow"}),
        (
            "eu-central-1",
            {"Bucket": "team-mlflow", "CreateBucketConfiguration": {"LocationConstraint": "eu-central-1"}},
        ),
    ],
)
def test_a_missing_bucket_is_made_in_the_region_of_the_keys(
    script: Any, monkeypatch: pytest.MonkeyPatch, region: str, asked: dict[str, Any]
) -> None:
    client = Client(ClientError(404), region=region)
    run(script, client, monkeypatch)
    assert client.made == [asked]


def test_a_bucket_that_another_start_just_made_is_fine(script: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    run(script, Client(ClientError(404), ClientError(409, "BucketAlreadyOwnedByYou")), monkeypatch)


@pytest.mark.parametrize(
    ("client", "said"),
    [
        (Client(ClientError(404), ClientError(409, "BucketAlreadyExists")), "belongs to another account"),
        (Client(ClientError(403)), "the store refuses these keys the bucket `team-mlflow`"),
        (Client(ClientError(503, "SlowDown")), "cannot make the bucket `team-mlflow`: SlowDown"),
    ],
)
def test_a_bucket_that_cannot_be_used_ends_the_start(
    script: Any, monkeypatch: pytest.MonkeyPatch, client: Client, said: str
) -> None:
    with pytest.raises(SystemExit, match=said):
        run(script, client, monkeypatch)
