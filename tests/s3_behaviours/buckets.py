"""Buckets: made, found, described, removed."""

from __future__ import annotations

from typing import Any

from tests.s3_behaviours.behaviour import BUCKET, Store, behaviour, refused


def made(store: Store) -> str:
    """A bucket for one behaviour."""
    name = store.name.replace("_", "-")[:60]
    store.client.create_bucket(Bucket=name)
    return name


@behaviour("a new bucket is found and listed", "boto3", "MLflow", "rclone")
def new_bucket(store: Store) -> None:
    name = made(store)
    store.client.head_bucket(Bucket=name)
    assert name in [entry["Name"] for entry in store.client.list_buckets()["Buckets"]]
    store.client.delete_bucket(Bucket=name)


@behaviour("a bucket that is not there answers 404", "boto3", "s3fs", "rclone")
def missing_bucket(store: Store) -> None:
    refused("404", store.client.head_bucket, Bucket="not-there")
    refused("NoSuchBucket", store.client.list_objects_v2, Bucket="not-there")
    refused("NoSuchBucket", store.client.put_object, Bucket="not-there", Key="a", Body=b"")


@behaviour(
    "creating one's own bucket again is accepted, or refused with a code of its own", "boto3", "s3fs", "rclone"
)
def bucket_again(store: Store) -> None:
    name = made(store)
    try:
        made(store)
    except store.client.exceptions.BucketAlreadyOwnedByYou:
        pass
    finally:
        store.client.delete_bucket(Bucket=name)


@behaviour("a bucket with objects is not deleted", "boto3", "s3fs", "rclone")
def full_bucket(store: Store) -> None:
    name = made(store)
    store.client.put_object(Bucket=name, Key="a", Body=b"")
    refused("BucketNotEmpty 409", store.client.delete_bucket, Bucket=name)
    store.client.delete_object(Bucket=name, Key="a")
    store.client.delete_bucket(Bucket=name)
    refused("404", store.client.head_bucket, Bucket=name)


@behaviour("a name that S3 does not allow is refused", "boto3", "rclone")
def bucket_name(store: Store) -> None:
    refused("InvalidBucketName 400", store.client.create_bucket, Bucket="UPPER.Case..name")


@behaviour("a bucket says its region", "pyarrow", "rclone", "s3fs")
def bucket_region(store: Store) -> None:
    assert store.client.get_bucket_location(Bucket=BUCKET)["LocationConstraint"] in (None, "us-east-1")


def versioned(store: Store) -> str:
    name = made(store)
    status = {"Status": "Enabled"}
    store.client.put_bucket_versioning(Bucket=name, VersioningConfiguration=status)
    assert store.client.get_bucket_versioning(Bucket=name)["Status"] == "Enabled"
    return name


@behaviour("a bucket with versions keeps what is overwritten", "boto3", "s3fs", "rclone")
def versions(store: Store) -> None:
    where: dict[str, Any] = {"Bucket": versioned(store), "Key": "a"}
    first, second = (store.client.put_object(**where, Body=body)["VersionId"] for body in (b"1", b"2"))
    assert store.client.get_object(**where)["Body"].read() == b"2"
    assert store.client.get_object(**where, VersionId=first)["Body"].read() == b"1"
    listed = store.client.list_object_versions(Bucket=where["Bucket"])["Versions"]
    assert {(entry["VersionId"], entry["IsLatest"]) for entry in listed} == {(first, False), (second, True)}


@behaviour("deleting an object there adds a marker, which can be deleted", "boto3", "s3fs", "rclone")
def delete_marker(store: Store) -> None:
    where: dict[str, Any] = {"Bucket": versioned(store), "Key": "a"}
    store.client.put_object(**where, Body=b"1")
    marker = store.client.delete_object(**where)
    assert marker["DeleteMarker"]
    refused("NoSuchKey", store.client.get_object, **where)
    store.client.delete_object(**where, VersionId=marker["VersionId"])
    assert store.client.get_object(**where)["Body"].read() == b"1"


@behaviour("lifecycle rules are kept", "boto3")
def lifecycle(store: Store) -> None:
    name = made(store)
    rule = {"ID": "old", "Status": "Enabled", "Filter": {"Prefix": "tmp/"}, "Expiration": {"Days": 3}}
    store.client.put_bucket_lifecycle_configuration(Bucket=name, LifecycleConfiguration={"Rules": [rule]})
    (kept,) = store.client.get_bucket_lifecycle_configuration(Bucket=name)["Rules"]
    assert kept["Expiration"] == {"Days": 3}
    assert kept["Filter"] == {"Prefix": "tmp/"}


@behaviour("CORS rules are kept", "boto3")
def origins(store: Store) -> None:
    name = made(store)
    rule = {"AllowedMethods": ["GET"], "AllowedOrigins": ["https://example.org"]}
    store.client.put_bucket_cors(Bucket=name, CORSConfiguration={"CORSRules": [rule]})
    (kept,) = store.client.get_bucket_cors(Bucket=name)["CORSRules"]
    assert kept["AllowedOrigins"] == rule["AllowedOrigins"]


@behaviour("tags of a bucket are kept", "boto3")
def bucket_tags(store: Store) -> None:
    name = made(store)
    tags = [{"Key": "team", "Value": "a"}]
    store.client.put_bucket_tagging(Bucket=name, Tagging={"TagSet": tags})
    assert store.client.get_bucket_tagging(Bucket=name)["TagSet"] == tags
