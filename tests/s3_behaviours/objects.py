"""Objects: written, read in part, described, copied, removed."""

from __future__ import annotations

import base64
import hashlib
from datetime import datetime, timedelta, timezone

from tests.s3_behaviours.behaviour import BUCKET, Store, behaviour, refused

ALL = ("boto3", "MLflow", "s3fs", "rclone", "pyarrow")


@behaviour("an object is read back, and its ETag is its MD5", *ALL)
def round_trip(store: Store) -> None:
    body = bytes(range(256)) * 100
    assert store.put(body=body)["ETag"] == f'"{hashlib.md5(body).hexdigest()}"'
    assert store.get() == body


@behaviour("an empty object is an object", *ALL)
def empty(store: Store) -> None:
    store.put(body=b"")
    assert store.get() == b""
    assert store.head()["ContentLength"] == 0


@behaviour("a key may have spaces, characters that URLs use, and any letter", *ALL)
def odd_keys(store: Store) -> None:
    keys = ["a b", "a+b", "50%", "a%2Fb", "é-ü-日本-🙂", "q?x=1&y=2#z", "it's(1)!*", "a=b,c;d:e@f"]
    for key in keys:
        store.put(key, key.encode())
    assert sorted(store.names()) == sorted(keys)
    assert [store.get(key).decode() for key in keys] == keys


@behaviour("a key may have a backslash", "boto3", "rclone", differs="it becomes a slash")
def backslash(store: Store) -> None:
    store.put("a\\b", b"1")
    assert store.names() == ["a\\b"]


@behaviour("a key of 1,024 bytes", "rclone", "boto3")
def long_key(store: Store) -> None:
    name = "/".join(["n" * 100] * 10)[: 1024 - len(store.key(""))]
    store.put(name, b"long")
    assert store.names() == [name]


@behaviour("a key that ends with a slash is a folder's marker", "s3fs", "rclone", "pyarrow")
def folder_marker(store: Store) -> None:
    store.put("folder/", b"")
    assert store.head("folder/")["ContentLength"] == 0
    assert store.names() == ["folder/"]


@behaviour("`a` and `a/b` are two objects", "boto3", "rclone")
def object_and_folder(store: Store) -> None:
    store.put("a", b"1")
    store.put("a/b", b"2")
    assert (store.get("a"), store.get("a/b")) == (b"1", b"2")


@behaviour(
    "a key may have two slashes in a row", "boto3", "rclone", differs="they become one, so `a//b` is `a/b`"
)
def two_slashes(store: Store) -> None:
    store.put("a//b", b"1")
    store.put("a/b", b"2")
    assert (store.get("a//b"), store.get("a/b")) == (b"1", b"2")


@behaviour("type, encoding, disposition and cache control are kept", "MLflow", "s3fs", "rclone")
def headers(store: Store) -> None:
    given = {
        "ContentType": "text/csv",
        "ContentEncoding": "gzip",
        "ContentDisposition": 'attachment; filename="a.csv"',
        "CacheControl": "no-cache",
    }
    store.put(**given)
    assert {name: store.head()[name] for name in given} == given


@behaviour(
    "an object without a type is `binary/octet-stream`",
    "boto3",
    "MLflow",
    differs="its type is guessed from its first bytes",
)
def default_type(store: Store) -> None:
    store.put()
    assert store.head()["ContentType"] in ("binary/octet-stream", "application/octet-stream")


@behaviour("user metadata is kept", "s3fs", "rclone", "boto3")
def metadata(store: Store) -> None:
    store.put(Metadata={"mtime": "1700000000.123", "by": "me"})
    assert store.head()["Metadata"] == {"mtime": "1700000000.123", "by": "me"}


@behaviour("an object says when it was written, to the second", *ALL)
def modified(store: Store) -> None:
    store.put()
    age = datetime.now(timezone.utc) - store.head()["LastModified"]
    assert timedelta(seconds=-2) < age < timedelta(minutes=1)


@behaviour("a missing object answers 404", *ALL)
def missing(store: Store) -> None:
    refused("NoSuchKey", store.client.get_object, Bucket=BUCKET, Key=store.key())
    refused("404", store.client.head_object, Bucket=BUCKET, Key=store.key())


@behaviour("a range of bytes is read", "s3fs", "pyarrow", "boto3", "rclone")
def byte_range(store: Store) -> None:
    store.put()
    answer = store.client.get_object(Bucket=BUCKET, Key=store.key(), Range="bytes=2-4")
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 206
    assert answer["ContentRange"] == "bytes 2-4/10"
    assert answer["Body"].read() == b"234"


@behaviour("a range without a start or an end", "s3fs", "pyarrow", "rclone")
def byte_range_open(store: Store) -> None:
    store.put()
    assert store.get(Range="bytes=-3") == b"789"
    assert store.get(Range="bytes=7-") == b"789"
    assert store.get(Range="bytes=8-99") == b"89"


@behaviour("a range after the end answers 416", "s3fs", "boto3")
def byte_range_behind(store: Store) -> None:
    store.put()
    refused("InvalidRange 416", store.client.get_object, Bucket=BUCKET, Key=store.key(), Range="bytes=10-12")


@behaviour("`If-Match` and `If-None-Match` of a read", "boto3", "s3fs", "rclone")
def read_if(store: Store) -> None:
    tag = store.put()["ETag"]
    where = {"Bucket": BUCKET, "Key": store.key()}
    assert store.get(IfMatch=tag) == b"0123456789"
    refused("PreconditionFailed 412", store.client.get_object, **where, IfMatch='"other"')
    refused("304", store.client.get_object, **where, IfNoneMatch=tag)


@behaviour("`If-Modified-Since` and `If-Unmodified-Since` of a read", "boto3", "rclone")
def read_if_since(store: Store) -> None:
    store.put()
    where = {"Bucket": BUCKET, "Key": store.key()}
    later = datetime.now(timezone.utc) + timedelta(seconds=1)
    earlier = later - timedelta(days=1)
    refused("304", store.client.get_object, **where, IfModifiedSince=store.head()["LastModified"])
    refused("PreconditionFailed 412", store.client.get_object, **where, IfUnmodifiedSince=earlier)
    assert store.get(IfModifiedSince=earlier)


@behaviour("`If-None-Match: *` of a write: only if the object is missing", "boto3", "s3fs")
def write_if_missing(store: Store) -> None:
    store.put(IfNoneMatch="*")
    where = {"Bucket": BUCKET, "Key": store.key(), "Body": b"other"}
    refused("PreconditionFailed 412", store.client.put_object, **where, IfNoneMatch="*")
    assert store.get() == b"0123456789"


@behaviour("`If-Match` of a write: only this version is replaced", "boto3")
def write_if_match(store: Store) -> None:
    tag = store.put()["ETag"]
    where = {"Bucket": BUCKET, "Key": store.key(), "Body": b"other"}
    refused("PreconditionFailed 412", store.client.put_object, **where, IfMatch='"0"')
    store.client.put_object(**where, IfMatch=tag)
    assert store.get() == b"other"


@behaviour("a wrong MD5 is refused", "rclone", "boto3")
def wrong_md5(store: Store) -> None:
    wrong = base64.b64encode(hashlib.md5(b"other").digest()).decode()
    where = {"Bucket": BUCKET, "Key": store.key(), "Body": b"body"}
    refused("BadDigest InvalidDigest", store.client.put_object, **where, ContentMD5=wrong)


@behaviour("a wrong checksum is refused", "boto3", "pyarrow")
def wrong_checksum(store: Store) -> None:
    where = {"Bucket": BUCKET, "Key": store.key(), "Body": b"body"}
    codes = "BadDigest InvalidRequest XAmzContentChecksumMismatch"
    refused(codes, store.client.put_object, **where, ChecksumCRC32="AAAAAA==")


@behaviour("a checksum is kept and returned", "boto3", "pyarrow")
def kept_checksum(store: Store) -> None:
    for name in ("CRC32", "SHA256"):
        told = store.put(name, ChecksumAlgorithm=name)[f"Checksum{name}"]
        assert store.head(name, ChecksumMode="ENABLED")[f"Checksum{name}"] == told


@behaviour("an object that is overwritten is read as the new one at once", *ALL)
def overwritten(store: Store) -> None:
    for count in range(20):
        store.put(body=str(count).encode())
        assert store.get() == str(count).encode()


@behaviour("deleting a missing object is no error", *ALL)
def remove_missing(store: Store) -> None:
    store.put()
    for _ in range(2):
        answer = store.client.delete_object(Bucket=BUCKET, Key=store.key())
        assert answer["ResponseMetadata"]["HTTPStatusCode"] == 204


@behaviour("1,000 keys are deleted in one call, missing ones too", "MLflow", "s3fs", "pyarrow", "boto3")
def remove_many(store: Store) -> None:
    for name in ("a", "b c", "d+é"):
        store.put(name)
    keys = [{"Key": store.key(name)} for name in ("a", "b c", "d+é", *map(str, range(997)))]
    answer = store.client.delete_objects(Bucket=BUCKET, Delete={"Objects": keys})
    assert len(answer["Deleted"]) == len(keys)
    assert not answer.get("Errors")
    assert store.names() == []


@behaviour("tags of an object are written, read and deleted", "s3fs", "boto3")
def tags(store: Store) -> None:
    store.put(Tagging="team=a&kind=b")
    where = {"Bucket": BUCKET, "Key": store.key()}
    told = store.client.get_object_tagging(**where)["TagSet"]
    assert {tag["Key"]: tag["Value"] for tag in told} == {"team": "a", "kind": "b"}
    store.client.delete_object_tagging(**where)
    assert store.client.get_object_tagging(**where)["TagSet"] == []


@behaviour("the ACL `private` is accepted and returned", "rclone", "s3fs")
def private_acl(store: Store) -> None:
    store.put(ACL="private")
    grants = store.client.get_object_acl(Bucket=BUCKET, Key=store.key())["Grants"]
    assert [grant["Permission"] for grant in grants] == ["FULL_CONTROL"]


@behaviour("the storage class STANDARD is accepted", "rclone", "boto3")
def storage_class(store: Store) -> None:
    store.put(StorageClass="STANDARD")
    assert store.head().get("StorageClass", "STANDARD") == "STANDARD"
