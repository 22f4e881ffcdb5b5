"""Speaks with an S3 store in a Python that has boto3, which need not be gaiaflow's: ``python bucket.py``.

The request is one JSON object on stdin, the answer one on stdout. Addresses and keys come from the environment
and from boto3's own configuration: profiles, roles, OIDC. It has ``bucket``, ``prefix`` and ``record``. With
``put`` (name to path), ``remove`` (names), ``own`` and ``before`` (records) it writes, without them it reads.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any


class Bucket:
    """One prefix of one bucket."""

    def __init__(self, client: Any, bucket: str, prefix: str) -> None:
        self.client, self.bucket, self.prefix = client, bucket, prefix

    def versions(self) -> dict[str, str]:
        """What the store calls each object's content, by its name under the prefix."""
        pages = self.client.get_paginator("list_objects_v2").paginate(Bucket=self.bucket, Prefix=self.prefix)
        objects = [entry for page in pages for entry in page.get("Contents", ())]
        return {entry["Key"][len(self.prefix) :]: entry["ETag"] for entry in objects}

    def record(self, name: str) -> str | None:
        try:
            answer = self.client.get_object(Bucket=self.bucket, Key=self.prefix + name)
        except self.client.exceptions.NoSuchKey:
            return None
        return str(answer["Body"].read().decode("utf-8", "replace"))

    def put(self, name: str, body: bytes) -> str:
        return str(self.client.put_object(Bucket=self.bucket, Key=self.prefix + name, Body=body)["ETag"])

    def write(self, request: dict[str, Any]) -> dict[str, int]:
        """The record goes first, with all that will be ours: an interrupted write forgets no file."""
        own: dict[str, list[str]] = request["own"]
        for name in request["put"]:
            own[name][1] = ""
        self.keep(request["record"], {**request["before"], **own})
        for name, path in request["put"].items():
            own[name][1] = self.put(name, Path(path).read_bytes())
        for name in request["remove"]:
            self.client.delete_object(Bucket=self.bucket, Key=self.prefix + name)
        self.keep(request["record"], own)
        return {"written": len(request["put"]), "removed": len(request["remove"])}

    def keep(self, name: str, own: dict[str, list[str]]) -> None:
        self.put(name, json.dumps({"schema": 1, "files": own}, indent=1).encode())


def answer(request: dict[str, Any], client: Any) -> dict[str, Any]:
    store = Bucket(client, request["bucket"], request["prefix"])
    if "own" in request:
        return store.write(request)
    return {"record": store.record(request["record"]), "versions": store.versions()}


if __name__ == "__main__":
    import boto3

    try:
        found = answer(json.load(sys.stdin), boto3.client("s3"))
    except Exception as error:  # noqa: BLE001 - whatever boto3 says is for the person who asked
        found = {"error": f"{type(error).__name__}: {error}"}
    json.dump(found, sys.stdout)
