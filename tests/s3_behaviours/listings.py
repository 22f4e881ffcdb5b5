"""What is in a bucket, by prefix, level and page."""

from __future__ import annotations

from tests.s3_behaviours.behaviour import BUCKET, Store, behaviour


@behaviour("a prefix that nothing begins with has no keys", "MLflow", "s3fs", "pyarrow", "rclone", "boto3")
def none(store: Store) -> None:
    found = store.client.list_objects_v2(Bucket=BUCKET, Prefix=store.key("none"))
    assert (found["KeyCount"], found["IsTruncated"], found.get("Contents", [])) == (0, False, [])


@behaviour("a prefix may end inside a name", "boto3", "rclone", "MLflow")
def prefix(store: Store) -> None:
    for name in ("model-1", "model-2", "other"):
        store.put(name)
    assert store.names(Prefix=store.key("mod")) == ["model-1", "model-2"]


@behaviour("one level, with its folders", "MLflow", "s3fs", "pyarrow", "rclone")
def level(store: Store) -> None:
    for name in ("a", "b/1", "b/2", "c/d/3"):
        store.put(name)
    found = store.client.list_objects_v2(Bucket=BUCKET, Prefix=store.key(""), Delimiter="/")
    assert [entry["Key"] for entry in found["Contents"]] == [store.key("a")]
    assert [p["Prefix"] for p in found["CommonPrefixes"]] == [store.key("b/"), store.key("c/")]
    assert found["KeyCount"] == 3


@behaviour("a delimiter other than a slash", "boto3")
def other_delimiter(store: Store) -> None:
    for name in ("a--1", "a--2", "b"):
        store.put(name)
    found = store.client.list_objects_v2(Bucket=BUCKET, Prefix=store.key(""), Delimiter="--")
    assert [p["Prefix"] for p in found["CommonPrefixes"]] == [store.key("a--")]
    assert [entry["Key"] for entry in found["Contents"]] == [store.key("b")]


@behaviour(
    "keys come in the order of their bytes",
    "rclone",
    "boto3",
    "s3fs",
    differs="folder by folder: `a/b` comes before `a-b`",
)
def order(store: Store) -> None:
    names = ["a/b", "a-b", "a.b", "a0", "a", "B", "é", "z"]
    for name in names:
        store.put(name)
    assert store.names() == sorted(names, key=str.encode)


@behaviour("pages of a few keys have no gap and no repetition", "MLflow", "s3fs", "pyarrow", "boto3", "rclone")
def pages(store: Store) -> None:
    names = [f"{count:03}" for count in range(10)]
    for name in names:
        store.put(name)
    pager = store.client.get_paginator("list_objects_v2")
    found = list(pager.paginate(Bucket=BUCKET, Prefix=store.key(""), PaginationConfig={"PageSize": 3}))
    assert [page["KeyCount"] for page in found] == [3, 3, 3, 1]
    assert [store.key(name) for name in names] == [e["Key"] for page in found for e in page["Contents"]]


@behaviour("pages of folders have no gap and no repetition", "s3fs", "rclone", "pyarrow")
def pages_of_folders(store: Store) -> None:
    for count in range(7):
        store.put(f"{count}/a")
        store.put(f"{count}/b")
    pager = store.client.get_paginator("list_objects_v2")
    options = {"Bucket": BUCKET, "Prefix": store.key(""), "Delimiter": "/"}
    found = list(pager.paginate(**options, PaginationConfig={"PageSize": 2}))
    folders = [p["Prefix"] for page in found for p in page.get("CommonPrefixes", ())]
    assert folders == [store.key(f"{count}/") for count in range(7)]


@behaviour("a page has at most 1,000 keys", "boto3", "s3fs", "pyarrow", "rclone")
def thousand(store: Store) -> None:
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(10) as pool:
        list(pool.map(lambda count: store.put(f"{count:04}", b""), range(1005)))
    found = store.client.list_objects_v2(Bucket=BUCKET, Prefix=store.key(""))
    assert (found["KeyCount"], found["IsTruncated"]) == (1000, True)
    token = found["NextContinuationToken"]
    rest = store.client.list_objects_v2(Bucket=BUCKET, Prefix=store.key(""), ContinuationToken=token)
    assert [entry["Key"] for entry in rest["Contents"]] == [store.key(f"{n:04}") for n in range(1000, 1005)]


@behaviour("a list that starts after a key", "rclone", "boto3")
def start_after(store: Store) -> None:
    for name in "abc":
        store.put(name)
    assert store.names(StartAfter=store.key("a")) == ["b", "c"]


@behaviour("the first version of the list, with markers", "rclone", "boto3")
def first_version(store: Store) -> None:
    for name in "abc":
        store.put(name)
    options = {"Bucket": BUCKET, "Prefix": store.key("")}
    found = store.client.list_objects(**options, MaxKeys=2)
    assert ([entry["Key"] for entry in found["Contents"]], found["IsTruncated"]) == (
        [store.key("a"), store.key("b")],
        True,
    )
    rest = store.client.list_objects(**options, Marker=store.key("b"))
    assert [entry["Key"] for entry in rest["Contents"]] == [store.key("c")]


@behaviour("`encoding-type=url` encodes keys", "boto3", "rclone")
def url_encoded(store: Store) -> None:
    store.put("a b+ü\x01")
    raw = store.client.list_objects_v2(Bucket=BUCKET, Prefix=store.key(""), EncodingType="url")
    assert raw["EncodingType"] == "url"
    assert raw["Contents"][0]["Key"].removeprefix(f"{store.name}/") in ("a%20b%2B%C3%BC%01", "a+b%2B%C3%BC%01")


@behaviour("a list has sizes, ETags and dates", "MLflow", "s3fs", "pyarrow", "rclone")
def details(store: Store) -> None:
    tag = store.put()["ETag"]
    (found,) = store.client.list_objects_v2(Bucket=BUCKET, Prefix=store.key(""))["Contents"]
    assert (found["Size"], found["ETag"]) == (10, tag)
    assert abs((found["LastModified"] - store.head()["LastModified"]).total_seconds()) < 1.5


@behaviour(
    "a folder without an object is in no list",
    "MLflow",
    "s3fs",
    "pyarrow",
    differs="it is still a common prefix after its last object was deleted",
)
def emptied_folder(store: Store) -> None:
    store.put("folder/a")
    store.client.delete_object(Bucket=BUCKET, Key=store.key("folder/a"))
    found = store.client.list_objects_v2(Bucket=BUCKET, Prefix=store.key(""), Delimiter="/")
    assert not found.get("CommonPrefixes")


@behaviour(
    "a written object is listed at once, a deleted one no longer",
    "MLflow",
    "s3fs",
    "pyarrow",
    "rclone",
    "boto3",
)
def at_once(store: Store) -> None:
    for count in range(20):
        store.put(str(count))
        assert store.names() == [str(count)]
        store.client.delete_object(Bucket=BUCKET, Key=store.key(str(count)))
        assert store.names() == []
