"""Make the bucket that MLflow keeps its artifacts in; harmless when it is there already."""

import os
import sys
import time

import boto3  # noqa: TID253 - runs in its own container
from botocore.exceptions import BotoCoreError, ClientError

PATIENCE_SECONDS = 120
EXISTS = {"BucketAlreadyOwnedByYou", "BucketAlreadyExists"}


def ensure_bucket(name: str) -> None:
    client = boto3.client("s3")
    found = {bucket["Name"] for bucket in client.list_buckets()["Buckets"]}
    if name not in found:
        try:
            client.create_bucket(Bucket=name)
        except ClientError as error:
            if error.response["Error"]["Code"] not in EXISTS:
                raise


if __name__ == "__main__":
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            ensure_bucket(os.environ["GAIAFLOW_BUCKET"])
            break
        except (BotoCoreError, ClientError) as failure:
            if time.monotonic() > deadline:
                sys.exit(f"cannot make the bucket: {failure}")
            time.sleep(1)
