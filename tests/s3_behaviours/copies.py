"""Copies that the store makes by itself."""

from __future__ import annotations

from typing import Any

from tests.s3_behaviours.behaviour import BUCKET, Store, behaviour, refused


def copy(store: Store, source: str, target: str, **options: Any) -> dict[str, Any]:
    origin = {"Bucket": BUCKET, "Key": store.key(source)}
    return dict(store.client.copy_object(Bucket=BUCKET, Key=store.key(target), CopySource=origin, **options))


@behaviour("a copy has the bytes, the type and the metadata", "s3fs", "pyarrow", "rclone", "MLflow")
def copied(store: Store) -> None:
    store.put("a", ContentType="text/csv", Metadata={"by": "me"})
    copy(store, "a", "b")
    assert store.get("b") == store.get("a")
    assert (store.head("b")["ContentType"], store.head("b")["Metadata"]) == ("text/csv", {"by": "me"})


@behaviour(
    "the answer to a copy has the ETag in quotation marks",
    "boto3",
    "rclone",
    differs="it has none there; `head_object` of the copy has them",
)
def copied_tag(store: Store) -> None:
    tag = store.put("a")["ETag"]
    told = copy(store, "a", "b")["CopyObjectResult"]["ETag"]
    assert store.head("b")["ETag"] == tag
    assert told == tag


@behaviour("a copy of a key with spaces and special characters", "s3fs", "pyarrow", "rclone")
def copied_odd_key(store: Store) -> None:
    store.put("a b+ü%.csv")
    copy(store, "a b+ü%.csv", "c d+é%.csv")
    assert store.get("c d+é%.csv") == store.get("a b+ü%.csv")


@behaviour("an object copied onto itself takes new metadata", "rclone", "s3fs")
def copied_onto_itself(store: Store) -> None:
    store.put("a", Metadata={"mtime": "1"})
    copy(store, "a", "a", MetadataDirective="REPLACE", Metadata={"mtime": "2"}, ContentType="text/csv")
    assert (store.head("a")["Metadata"], store.head("a")["ContentType"]) == ({"mtime": "2"}, "text/csv")
    assert store.get("a") == b"0123456789"


@behaviour("`If-Match` of a copy's source", "boto3", "rclone")
def copied_if(store: Store) -> None:
    tag = store.put("a")["ETag"]
    copy(store, "a", "b", CopySourceIfMatch=tag)
    refused("PreconditionFailed 412", copy, store=store, source="a", target="c", CopySourceIfMatch='"other"')


@behaviour("a copy of a missing object answers 404", "s3fs", "pyarrow", "boto3")
def copied_missing(store: Store) -> None:
    refused("NoSuchKey 404", copy, store=store, source="none", target="b")


@behaviour("a copy into another bucket", "rclone", "s3fs", "boto3")
def copied_across(store: Store) -> None:
    store.client.create_bucket(Bucket="copied-across")
    store.put("a")
    origin = {"Bucket": BUCKET, "Key": store.key("a")}
    store.client.copy_object(Bucket="copied-across", Key="b", CopySource=origin)
    assert store.client.get_object(Bucket="copied-across", Key="b")["Body"].read() == b"0123456789"
