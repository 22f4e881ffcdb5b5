"""Objects that arrive in parts."""

from __future__ import annotations

import hashlib
import io
from typing import Any

from tests.s3_behaviours.behaviour import BUCKET, Store, behaviour, refused

MEBI = 1024 * 1024
PART = 5 * MEBI


def begin(store: Store, name: str = "object", **options: Any) -> dict[str, str]:
    """Bucket, key and number of an upload in parts."""
    where = {"Bucket": BUCKET, "Key": store.key(name)}
    return {**where, "UploadId": store.client.create_multipart_upload(**where, **options)["UploadId"]}


def part(store: Store, upload: dict[str, str], number: int, body: bytes) -> dict[str, Any]:
    tag = store.client.upload_part(**upload, PartNumber=number, Body=body)["ETag"]
    return {"PartNumber": number, "ETag": tag}


def complete(store: Store, upload: dict[str, str], parts: list[dict[str, Any]], **options: Any) -> Any:
    return store.client.complete_multipart_upload(**upload, MultipartUpload={"Parts": parts}, **options)


@behaviour("parts make one object, whose ETag ends with their number", "boto3", "s3fs", "pyarrow", "rclone")
def parts(store: Store) -> None:
    upload = begin(store, ContentType="text/csv", Metadata={"by": "me"})
    bodies = [b"a" * PART, b"b" * PART, b"c"]
    sent = [part(store, upload, number, body) for number, body in enumerate(bodies, 1)]
    tag = complete(store, upload, sent)["ETag"]
    whole = hashlib.md5(b"".join(hashlib.md5(body).digest() for body in bodies)).hexdigest()
    assert tag == f'"{whole}-3"'
    assert store.get() == b"".join(bodies)
    assert (store.head()["ContentType"], store.head()["Metadata"]) == ("text/csv", {"by": "me"})


@behaviour("parts may arrive in any order, and one of them twice", "boto3", "rclone", "pyarrow")
def parts_in_any_order(store: Store) -> None:
    upload = begin(store)
    last = part(store, upload, 7, b"end")
    part(store, upload, 2, b"x" * PART)
    first = part(store, upload, 2, b"y" * PART)
    complete(store, upload, [first, last])
    assert store.get() == b"y" * PART + b"end"


@behaviour("an object is missing until its upload is complete", "boto3", "s3fs", "rclone")
def not_before_the_end(store: Store) -> None:
    upload = begin(store)
    sent = part(store, upload, 1, b"x")
    refused("404", store.client.head_object, Bucket=BUCKET, Key=store.key())
    assert store.names() == []
    complete(store, upload, [sent])
    assert store.names() == ["object"]


@behaviour("parts and open uploads are listed", "rclone", "s3fs", "boto3")
def listed(store: Store) -> None:
    upload = begin(store)
    part(store, upload, 1, b"x" * PART)
    (told,) = store.client.list_parts(**upload)["Parts"]
    assert (told["PartNumber"], told["Size"]) == (1, PART)
    found = store.client.list_multipart_uploads(Bucket=BUCKET, Prefix=store.key(""))["Uploads"]
    assert [entry["UploadId"] for entry in found] == [upload["UploadId"]]


@behaviour("an aborted upload leaves nothing", "boto3", "s3fs", "pyarrow", "rclone")
def given_up(store: Store) -> None:
    upload = begin(store)
    sent = part(store, upload, 1, b"x")
    store.client.abort_multipart_upload(**upload)
    refused("NoSuchUpload", complete, store=store, upload=upload, parts=[sent])
    assert store.names() == []
    assert not store.client.list_multipart_uploads(Bucket=BUCKET, Prefix=store.key("")).get("Uploads")


@behaviour("a part in the middle under 5 MiB is refused", "boto3")
def small_part(store: Store) -> None:
    upload = begin(store)
    sent = [part(store, upload, number, b"small") for number in (1, 2)]
    refused("EntityTooSmall", complete, store=store, upload=upload, parts=sent)


@behaviour("parts named out of order are refused", "boto3")
def wrong_order(store: Store) -> None:
    upload = begin(store)
    sent = [part(store, upload, number, b"x" * PART) for number in (1, 2)]
    refused("InvalidPartOrder", complete, store=store, upload=upload, parts=sent[::-1])


@behaviour("a part with another ETag is refused", "boto3", "rclone")
def wrong_part(store: Store) -> None:
    upload = begin(store)
    part(store, upload, 1, b"x")
    wrong = [{"PartNumber": 1, "ETag": '"00000000000000000000000000000000"'}]
    refused("InvalidPart", complete, store=store, upload=upload, parts=wrong)


@behaviour("a part is copied from a range of an object", "s3fs", "rclone", "boto3")
def copied_part(store: Store) -> None:
    store.put("source", b"s" * PART + b"tail")
    upload = begin(store)
    origin = {"CopySource": {"Bucket": BUCKET, "Key": store.key("source")}}
    sent = []
    for number, some in ((1, f"bytes=0-{PART - 1}"), (2, f"bytes={PART}-{PART + 3}")):
        done = store.client.upload_part_copy(**upload, **origin, PartNumber=number, CopySourceRange=some)
        sent.append({"PartNumber": number, "ETag": done["CopyPartResult"]["ETag"]})
    complete(store, upload, sent)
    assert store.get() == b"s" * PART + b"tail"


@behaviour("`If-None-Match: *` at the end of an upload", "boto3", "s3fs")
def parts_if_missing(store: Store) -> None:
    store.put()
    upload = begin(store)
    sent = part(store, upload, 1, b"x")
    refused("PreconditionFailed", complete, store=store, upload=upload, parts=[sent], IfNoneMatch="*")
    assert store.get() == b"0123456789"


@behaviour("a part is read by its number", "boto3")
def part_by_number(store: Store) -> None:
    upload = begin(store)
    complete(store, upload, [part(store, upload, 1, b"x" * PART), part(store, upload, 2, b"tail")])
    assert store.get(PartNumber=2) == b"tail"


@behaviour("upload_file and download_file with threads, 21 MiB", "boto3", "MLflow")
def transfer(store: Store) -> None:
    from boto3.s3.transfer import TransferConfig

    body = b"".join(count.to_bytes(4, "big") * 256 for count in range(21 * 1024))
    config = TransferConfig(multipart_threshold=8 * MEBI, multipart_chunksize=8 * MEBI)
    store.client.upload_fileobj(io.BytesIO(body), BUCKET, store.key(), Config=config)
    into = io.BytesIO()
    store.client.download_fileobj(BUCKET, store.key(), into, Config=config)
    assert into.getvalue() == body
