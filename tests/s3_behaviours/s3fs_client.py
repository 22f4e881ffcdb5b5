"""s3fs, as pandas, Dask and xarray call it."""

from __future__ import annotations

from typing import Any

from tests.s3_behaviours.behaviour import BUCKET, REGION, Store, behaviour


def connect(store: Store) -> tuple[Any, str]:
    """The filesystem and the behaviour's folder in it."""
    import s3fs

    client = {"region_name": REGION}
    files = s3fs.S3FileSystem(
        **store.options, endpoint_url=store.url, client_kwargs=client, skip_instance_cache=True
    )
    return files, f"{BUCKET}/{store.name}"


@behaviour("s3fs writes, reads and describes a file", "s3fs")
def s3fs_file(store: Store) -> None:
    files, place = connect(store)
    files.pipe_file(f"{place}/a b", b"0123456789")
    assert files.cat_file(f"{place}/a b", start=2, end=5) == b"234"
    assert files.tail(f"{place}/a b", 3) == b"789"
    told = files.info(f"{place}/a b")
    assert (told["type"], told["size"]) == ("file", 10)
    assert not files.exists(f"{place}/none")


@behaviour("s3fs lists, walks and globs", "s3fs")
def s3fs_lists(store: Store) -> None:
    files, place = connect(store)
    files.pipe({f"{place}/{name}": b"x" for name in ("a.csv", "b/c.csv", "b/d.txt")})
    assert sorted(files.ls(place, detail=False)) == [f"{place}/a.csv", f"{place}/b"]
    assert sorted(files.find(place)) == [f"{place}/{name}" for name in ("a.csv", "b/c.csv", "b/d.txt")]
    assert sorted(files.glob(f"{place}/**/*.csv")) == [f"{place}/a.csv", f"{place}/b/c.csv"]
    assert [names for _, _, names in files.walk(place)] == [["a.csv"], ["c.csv", "d.txt"]]
    assert files.isdir(f"{place}/b")


@behaviour("s3fs copies, moves and deletes a tree", "s3fs")
def s3fs_tree(store: Store) -> None:
    files, place = connect(store)
    files.pipe({f"{place}/a/{name}": b"x" for name in ("1", "b/2")})
    files.copy(f"{place}/a", f"{place}/c", recursive=True)
    files.mv(f"{place}/c/1", f"{place}/c/3")
    assert sorted(files.find(f"{place}/c")) == [f"{place}/c/3", f"{place}/c/b/2"]
    files.rm(f"{place}/c", recursive=True)
    files.invalidate_cache()
    left = files.find(f"{place}/c", detail=True).values()
    assert [entry for entry in left if entry["type"] == "file"] == []


@behaviour("s3fs writes 16 MiB in parts through a file, and appends", "s3fs")
def s3fs_parts(store: Store) -> None:
    files, place = connect(store)
    with files.open(f"{place}/large", "wb", block_size=5 * 2**20) as stream:
        for letter in b"abcd":
            stream.write(bytes([letter]) * 4 * 2**20)
    with files.open(f"{place}/large", "ab") as stream:
        stream.write(b"end")
    assert files.size(f"{place}/large") == 16 * 2**20 + 3
    assert files.cat_file(f"{place}/large", start=-4) == b"dend"


@behaviour("s3fs can write only new files", "s3fs")
def s3fs_exclusive(store: Store) -> None:
    files, place = connect(store)
    files.pipe_file(f"{place}/a", b"1", mode="create")
    try:
        files.pipe_file(f"{place}/a", b"2", mode="create")
    except OSError:
        assert files.cat_file(f"{place}/a") == b"1"
        return
    raise AssertionError("was overwritten")


@behaviour("s3fs keeps metadata, and signs a URL", "s3fs")
def s3fs_metadata(store: Store) -> None:
    from tests.s3_behaviours.signatures import ask

    files, place = connect(store)
    files.pipe_file(f"{place}/a", b"1", Metadata={"by": "me"})
    assert files.getxattr(f"{place}/a", "by") == "me"
    files.setxattr(f"{place}/a", by="you")
    assert files.metadata(f"{place}/a", refresh=True)["by"] == "you"
    assert ask(files.url(f"{place}/a")) == (200, b"1")
