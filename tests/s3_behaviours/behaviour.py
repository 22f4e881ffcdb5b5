"""A behaviour of an S3 store that a client relies on, and the store that it is asked of."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

# The one that the store makes when it starts.
BUCKET = "mlflow"
REGION = "us-east-1"


@dataclass(frozen=True)
class Store:
    """Where the store is, and the keys that boto3 finds in the environment.

    Attributes:
        name: of the behaviour that is tried: the first part of all its keys.
    """

    url: str
    name: str

    @cached_property
    def client(self) -> Any:
        return self.connect()

    def connect(self, **options: Any) -> Any:
        """boto3's client; `aws_access_key_id` and other options are its own."""
        import boto3
        from botocore.config import Config

        plain = Config(retries={"total_max_attempts": 1}, s3={"addressing_style": "path"})
        config = plain.merge(options.pop("config", Config()))
        return boto3.client("s3", endpoint_url=self.url, region_name=REGION, config=config, **options)

    @property
    def options(self) -> dict[str, str]:
        """The keys as s3fs and pyarrow name them."""
        return {"key": os.environ["AWS_ACCESS_KEY_ID"], "secret": os.environ["AWS_SECRET_ACCESS_KEY"]}

    def key(self, name: str = "object") -> str:
        return f"{self.name}/{name}"

    def put(self, name: str = "object", body: bytes = b"0123456789", **options: Any) -> dict[str, Any]:
        """Write an object; the store's answer."""
        return dict(self.client.put_object(Bucket=BUCKET, Key=self.key(name), Body=body, **options))

    def get(self, name: str = "object", **options: Any) -> bytes:
        return bytes(self.client.get_object(Bucket=BUCKET, Key=self.key(name), **options)["Body"].read())

    def head(self, name: str = "object", **options: Any) -> dict[str, Any]:
        return dict(self.client.head_object(Bucket=BUCKET, Key=self.key(name), **options))

    def names(self, **options: Any) -> list[str]:
        """The keys below the behaviour's own prefix, without it."""
        start = f"{self.name}/"
        found = self.client.list_objects_v2(**{"Bucket": BUCKET, "Prefix": start, **options})
        return [entry["Key"].removeprefix(start) for entry in found.get("Contents", ())]


Run = Callable[[Store], None]


@dataclass(frozen=True)
class Behaviour:
    """One row of the table.

    Attributes:
        users: the clients that rely on it.
        library: what the call is made with.
        differs: what the store does instead, where it does not behave so; empty where it does.
    """

    title: str
    users: tuple[str, ...]
    run: Run
    differs: str = ""

    @property
    def name(self) -> str:
        return self.run.__name__

    @property
    def library(self) -> str:
        return self.run.__module__.rpartition(".")[2]


TABLE: list[Behaviour] = []


def behaviour(title: str, *users: str, differs: str = "") -> Callable[[Run], Run]:
    """Give a function a row in the table."""

    def add(run: Run) -> Run:
        TABLE.append(Behaviour(title, users, run, differs))
        return run

    return add


def refused(codes: str, call: Callable[..., Any], **arguments: Any) -> None:
    """The call fails with one of these codes of S3 or numbers of HTTP, separated by blanks."""
    from botocore.exceptions import ClientError

    try:
        call(**arguments)
    except ClientError as error:
        answer = error.response
        seen = {answer["Error"]["Code"], str(answer["ResponseMetadata"]["HTTPStatusCode"])}
        assert seen & set(codes.split()), f"refused with {' '.join(sorted(seen))}"
        return
    raise AssertionError("was accepted")
