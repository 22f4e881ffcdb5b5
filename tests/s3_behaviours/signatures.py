"""Who may: keys, signatures, addresses that carry one."""

from __future__ import annotations

import os
import urllib.error
import urllib.request
import uuid
from datetime import datetime, timedelta, timezone
from typing import Any

from tests.s3_behaviours.behaviour import BUCKET, Store, behaviour, refused

_opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def ask(url: str, method: str = "GET", body: bytes | None = None, **headers: str) -> tuple[int, bytes]:
    """Number and text of an answer; a refusal is an answer."""
    try:
        request = urllib.request.Request(url, body, headers, method=method)
        with _opener.open(request, timeout=10) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()


def signed(store: Store, call: str, seconds: int = 60, version: str = "s3v4", **options: Any) -> str:
    """An address for one call.

    Args:
        version: of the signature: `s3v4`, or `s3`, which boto3 takes by itself for a store of an address.
    """
    from botocore.config import Config

    client = store.connect(config=Config(signature_version=version))
    given = {"Bucket": BUCKET, "Key": store.key(), **options}
    return str(client.generate_presigned_url(call, Params=given, ExpiresIn=seconds))


@behaviour("a signed URL reads", "MLflow", "s3fs", "boto3", "rclone")
def signed_read(store: Store) -> None:
    store.put()
    assert ask(signed(store, "get_object")) == (200, b"0123456789")


@behaviour("a signed URL sets the name and the type of the answer", "MLflow", "boto3")
def signed_read_as(store: Store) -> None:
    store.put()
    wanted = {"ResponseContentDisposition": "attachment; filename=a.csv", "ResponseContentType": "text/csv"}
    with _opener.open(signed(store, "get_object", **wanted), timeout=10) as answer:
        assert answer.headers["Content-Disposition"] == wanted["ResponseContentDisposition"]
        assert answer.headers["Content-Type"] == "text/csv"


@behaviour("a URL with a signature of version 2, boto3's default, reads", "boto3", "s3fs")
def signed_by_2(store: Store) -> None:
    store.put()
    assert ask(signed(store, "get_object", version="s3")) == (200, b"0123456789")


@behaviour(
    "such a URL sets the name of the answer",
    "boto3",
    differs='it answers 403; `Config(signature_version="s3v4")` is accepted',
)
def signed_by_2_as(store: Store) -> None:
    store.put()
    wanted = {"ResponseContentDisposition": "attachment; filename=a.csv"}
    assert ask(signed(store, "get_object", version="s3", **wanted))[0] == 200


@behaviour("a signed URL writes", "MLflow", "boto3")
def signed_write(store: Store) -> None:
    assert ask(signed(store, "put_object"), "PUT", b"from outside")[0] == 200
    assert store.get() == b"from outside"


@behaviour("a signed URL writes a part", "MLflow", "boto3")
def signed_part(store: Store) -> None:
    from tests.s3_behaviours.multiparts import begin, complete

    upload = begin(store)
    url = signed(store, "upload_part", UploadId=upload["UploadId"], PartNumber=1)
    request = urllib.request.Request(url, b"a part", method="PUT")
    with _opener.open(request, timeout=10) as answer:
        tag = answer.headers["ETag"]
    complete(store, upload, [{"PartNumber": 1, "ETag": tag}])
    assert store.get() == b"a part"


@behaviour("a signature is for one key and one method", "boto3")
def signed_for_one(store: Store) -> None:
    store.put()
    url = signed(store, "get_object")
    assert ask(url.replace("/object?", "/other?"))[0] == 403
    assert ask(url, "PUT", b"x")[0] == 403


@behaviour("a signed URL expires", "boto3")
def signed_and_ended(store: Store) -> None:
    import time

    store.put()
    url = signed(store, "get_object", seconds=1)
    time.sleep(2.2)
    assert ask(url)[0] == 403


@behaviour("a browser's form writes, within its limits", "boto3")
def form(store: Store) -> None:
    limits = [["content-length-range", 1, 20]]
    post = store.client.generate_presigned_post(BUCKET, store.key(), Conditions=limits, ExpiresIn=60)
    for body, accepted in ((b"from a form", True), (b"x" * 30, False)):
        mark = uuid.uuid4().hex
        fields = "".join(
            f'--{mark}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
            for name, value in post["fields"].items()
        )
        file = f'--{mark}\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n'
        data = fields.encode() + file.encode() + body + f"\r\n--{mark}--\r\n".encode()
        headers = {"Content-Type": f"multipart/form-data; boundary={mark}"}
        assert (ask(post["url"], "POST", data, **headers)[0] < 300) is accepted
    assert store.get() == b"from a form"


@behaviour("a wrong secret is refused", "boto3", "MLflow", "s3fs", "rclone", "pyarrow")
def wrong_secret(store: Store) -> None:
    user = os.environ["AWS_ACCESS_KEY_ID"]
    client = store.connect(aws_access_key_id=user, aws_secret_access_key="wrong")
    refused("SignatureDoesNotMatch 403", client.list_objects_v2, Bucket=BUCKET)


@behaviour("an unknown access key is refused", "boto3", "MLflow", "s3fs", "rclone", "pyarrow")
def unknown_key(store: Store) -> None:
    client = store.connect(aws_access_key_id="nobody", aws_secret_access_key="wrong")
    refused("InvalidAccessKeyId 403", client.list_objects_v2, Bucket=BUCKET)


@behaviour("a request without a signature is refused", "boto3", "s3fs", "pyarrow")
def anonymous(store: Store) -> None:
    from botocore import UNSIGNED
    from botocore.config import Config

    store.put()
    client = store.connect(config=Config(signature_version=UNSIGNED))
    refused("AccessDenied 403", client.get_object, Bucket=BUCKET, Key=store.key())
    refused("AccessDenied 403", client.put_object, Bucket=BUCKET, Key=store.key(), Body=b"")
    refused("AccessDenied 403", client.list_buckets)


@behaviour("a clock that is an hour off is refused", "boto3", "s3fs", "rclone", "pyarrow")
def wrong_clock(store: Store) -> None:
    from unittest import mock

    from botocore import auth

    late = datetime.now(timezone.utc) - timedelta(hours=1)
    names = [name for name in ("get_current_datetime", "datetime") if hasattr(auth, name)]
    clock: Any = mock.Mock(return_value=late.replace(tzinfo=None))
    clock.datetime.utcnow = clock.utcnow = clock
    with mock.patch.object(auth, names[0], clock):
        refused("RequestTimeTooSkewed", store.connect().list_objects_v2, Bucket=BUCKET)


@behaviour("a body without a signed hash is accepted", "rclone", "boto3")
def unsigned_body(store: Store) -> None:
    from botocore.config import Config

    options = Config(s3={"payload_signing_enabled": False}, request_checksum_calculation="when_required")
    client = store.connect(config=options)
    client.put_object(Bucket=BUCKET, Key=store.key(), Body=b"body")
    assert store.get() == b"body"


@behaviour("a body in chunks with a trailing checksum is accepted", "boto3", "MLflow")
def chunked_body(store: Store) -> None:
    import io

    body = b"c" * 200_000
    store.client.put_object(Bucket=BUCKET, Key=store.key(), Body=io.BytesIO(body), ChecksumAlgorithm="CRC32")
    assert store.get(ChecksumMode="ENABLED") == body
