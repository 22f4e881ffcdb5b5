"""Have the bucket that MLflow keeps its artifacts in: the one that is there, or a new one."""

import os
import sys
import time
from typing import Any

import boto3  # noqa: TID253 - runs in its own container
from botocore.exceptions import BotoCoreError, ClientError

PATIENCE_SECONDS = 120
# A store that starts refuses keys for a moment; wrong ones it refuses for ever.
REFUSED_SECONDS = 10
DEFAULT_REGION = "us-east-1"


class UnusableError(Exception):
    """The bucket cannot be used with these keys, however long one waits."""


class RefusedError(Exception):
    """The store refuses these keys the bucket."""


def ensure_bucket(client: Any, name: str) -> None:
    """
    Raises:
        UnusableError: the bucket belongs to another account.
        RefusedError: the keys may not use it.
    """
    try:
        client.head_bucket(Bucket=name)
    except ClientError as error:
        status = error.response["ResponseMetadata"]["HTTPStatusCode"]
        if status == 403:
            raise RefusedError(f"the store refuses these keys the bucket `{name}`") from error
        if status != 404:
            raise
        create(client, name)


def create(client: Any, name: str) -> None:
    region = client.meta.region_name
    place = {} if region in {None, DEFAULT_REGION} else {"LocationConstraint": region}
    try:
        client.create_bucket(Bucket=name, **({"CreateBucketConfiguration": place} if place else {}))
    except ClientError as error:
        code = error.response["Error"]["Code"]
        if code == "BucketAlreadyExists":
            raise UnusableError(
                f"the bucket `{name}` belongs to another account: set GAIAFLOW_S3_BUCKET to one of yours"
            ) from error
        if code != "BucketAlreadyOwnedByYou":
            raise


def main(name: str) -> None:
    begun = time.monotonic()
    while True:
        try:
            return ensure_bucket(boto3.client("s3"), name)
        except UnusableError as failure:
            sys.exit(str(failure))
        except RefusedError as failure:
            if time.monotonic() - begun > REFUSED_SECONDS:
                sys.exit(f"{failure}: set GAIAFLOW_S3_BUCKET, or give the keys the right to it")
        except (BotoCoreError, ClientError) as failure:
            if time.monotonic() - begun > PATIENCE_SECONDS:
                sys.exit(f"cannot make the bucket `{name}`: {failure}")
        time.sleep(1)


if __name__ == "__main__":
    main(os.environ["GAIAFLOW_BUCKET"])
