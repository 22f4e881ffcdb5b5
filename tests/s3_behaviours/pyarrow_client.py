"""pyarrow's own S3 filesystem."""

from __future__ import annotations

from typing import Any

from tests.s3_behaviours.behaviour import BUCKET, REGION, Store, behaviour


def connect(store: Store) -> Any:
    from pyarrow import fs

    keys = store.options
    scheme, _, place = store.url.partition("://")
    return fs.S3FileSystem(
        access_key=keys["key"],
        secret_key=keys["secret"],
        endpoint_override=place,
        scheme=scheme,
        region=REGION,
        allow_bucket_creation=True,
    )


@behaviour("pyarrow writes and reads a partitioned Parquet dataset", "pyarrow")
def parquet(store: Store) -> None:
    import pyarrow as pa
    from pyarrow import dataset

    files, place = connect(store), f"{BUCKET}/{store.name}"
    table = pa.table({"year": [2024, 2024, 2025], "value": [1.0, 2.0, 3.0]})
    dataset.write_dataset(table, place, filesystem=files, format="parquet", partitioning=["year"])
    found = dataset.dataset(place, filesystem=files, partitioning=["year"]).to_table()
    assert sorted(found["value"].to_pylist()) == [1.0, 2.0, 3.0]
    some = dataset.dataset(place, filesystem=files, partitioning=["year"])
    assert some.to_table(filter=dataset.field("year") == 2025)["value"].to_pylist() == [3.0]


@behaviour("pyarrow makes, lists and deletes folders", "pyarrow")
def pyarrow_folders(store: Store) -> None:
    from pyarrow import fs

    files, place = connect(store), f"{BUCKET}/{store.name}"
    files.create_dir(f"{place}/a/b")
    with files.open_output_stream(f"{place}/a/c") as stream:
        stream.write(b"c")
    found = files.get_file_info(fs.FileSelector(place, recursive=True))
    assert {(info.path, info.type) for info in found} == {
        (f"{place}/a", fs.FileType.Directory),
        (f"{place}/a/b", fs.FileType.Directory),
        (f"{place}/a/c", fs.FileType.File),
    }
    files.delete_dir(f"{place}/a")
    assert files.get_file_info(f"{place}/a").type == fs.FileType.NotFound


@behaviour("pyarrow copies, moves and deletes a file", "pyarrow")
def pyarrow_files(store: Store) -> None:
    from pyarrow import fs

    files, place = connect(store), f"{BUCKET}/{store.name}"
    with files.open_output_stream(f"{place}/a b") as stream:
        stream.write(b"0123456789")
    files.copy_file(f"{place}/a b", f"{place}/c")
    files.move(f"{place}/c", f"{place}/d")
    files.delete_file(f"{place}/a b")
    kinds = [files.get_file_info(f"{place}/{name}").type for name in ("a b", "c", "d")]
    assert kinds == [fs.FileType.NotFound, fs.FileType.NotFound, fs.FileType.File]


@behaviour("pyarrow reads from the middle and the end of 12 MiB that it wrote in parts", "pyarrow")
def pyarrow_parts(store: Store) -> None:
    files, place = connect(store), f"{BUCKET}/{store.name}/large"
    body = b"".join(count.to_bytes(4, "big") * 256 for count in range(12 * 1024))
    with files.open_output_stream(place) as stream:
        stream.write(body)
    with files.open_input_file(place) as source:
        assert source.size() == len(body)
        assert source.read_at(100, 6_000_000) == body[6_000_000:6_000_100]
        source.seek(len(body) - 8)
        assert source.read() == body[-8:]
