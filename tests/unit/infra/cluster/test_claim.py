"""The claims for folders of data: what goes out is what a pod unpacks, and what a cluster is asked for."""

from __future__ import annotations

import io
import os
from pathlib import Path
from typing import Any, cast

import pytest

from gaiaflow.datafolder import Folder
from gaiaflow.errors import GaiaflowError
from gaiaflow.infra.cluster import claim, unpack
from gaiaflow.infra.cluster.api import Cluster, labels
from gaiaflow.infra.cluster.target import Target
from gaiaflow.project import Project
from tests.error_case import Case, hold

IMAGE = "demo/demo:1"


@pytest.fixture
def project(tmp_path: Path) -> Project:
    folder = tmp_path / "data" / "tiles"
    (folder / "nested" / "empty").mkdir(parents=True)
    (folder / "b04.bin").write_bytes(bytes(range(256)) * 5000)
    (folder / "nested" / "grün $x.txt").write_text("ünïcödé")
    (folder / "none").touch()
    (folder / "link").symlink_to("nested/grün $x.txt")
    (folder / "run.sh").write_text("#!/bin/sh\n")
    (folder / "run.sh").chmod(0o700)
    (tmp_path / "pyproject.toml").write_text(
        '[project]\nname = "demo"\n[tool.gaiaflow.data]\ntiles = {path = "data/tiles", claim = "tiles"}\n'
        "[tool.gaiaflow.cluster]\nquota = {pods = 7}\n"
    )
    return Project.find(tmp_path)


def files(root: Path) -> dict[str, bytes | None]:
    return {p.relative_to(root).as_posix(): p.read_bytes() if p.is_file() else None for p in root.rglob("*")}


def sent(folder: Folder) -> bytes:
    """What goes to the pod."""
    out: list[bytes] = []
    pieces = claim.Pieces(out.append, lambda _: None)
    claim.write_tar(pieces, Path(folder.path), list(claim._entries(folder)), folder.writable)
    pieces.end()
    return b"".join(out)


@pytest.mark.parametrize("writable", [False, True])
def test_the_pod_has_the_same_bytes(project: Project, tmp_path: Path, writable: bool) -> None:
    folder, there = project.data["tiles"]._replace(writable=writable), tmp_path / "volume"
    (there / "old").mkdir(parents=True)
    (there / "old" / "file").touch()
    (there / "lost+found").mkdir()
    unpack.unpack(io.BytesIO(sent(folder)), there)
    assert files(there) == {**files(Path(folder.path)), "lost+found": None}
    assert (there / "link").readlink() == Path("nested/grün $x.txt")
    modes = {name: (there / name).stat().st_mode & 0o777 for name in (".", "nested", "none", "run.sh")}
    open_to_all = {".": 0o777, "nested": 0o777, "none": 0o666, "run.sh": 0o777}
    readable = {".": 0o755, "nested": 0o755, "none": 0o644, "run.sh": 0o755}
    assert modes == (open_to_all if writable else readable)


@pytest.mark.parametrize("part", [0.3, 0.9, 0.99999])
def test_what_was_there_stays_until_all_has_arrived(project: Project, tmp_path: Path, part: float) -> None:
    whole, there = sent(project.data["tiles"]), tmp_path / "volume"
    there.mkdir()
    (there / "old").write_text("kept")
    with pytest.raises((EOFError, ValueError)):
        unpack.unpack(io.BytesIO(whole[: int(len(whole) * part)]), there)
    assert (there / "old").read_text() == "kept"
    unpack.unpack(io.BytesIO(whole), there)
    assert files(there) == files(Path(project.data["tiles"].path))


def test_a_byte_that_changed_on_the_way_is_noticed(project: Project, tmp_path: Path) -> None:
    whole = bytearray(sent(project.data["tiles"]))
    whole[-1] ^= 1
    with pytest.raises(ValueError, match="not all of it arrived"):
        unpack.unpack(io.BytesIO(bytes(whole)), tmp_path)


class Stream:
    """The pod's end of an exec: the program itself, in this process."""

    def __init__(self, folder: Path, breaks: bool = False) -> None:
        self.folder, self.breaks, self.received = folder, breaks, io.BytesIO()

    def write_stdin(self, data: bytes) -> None:
        if self.breaks:
            raise OSError("broken pipe")
        self.received.write(data)

    def run_forever(self, timeout: float) -> None:
        assert timeout > 0
        self.received.seek(0)
        unpack.unpack(self.received, self.folder)

    def read_stdout(self) -> str:
        return "done\n"

    def read_stderr(self) -> str:
        return ""

    def close(self) -> None:
        """Nothing to close."""


class Things:
    """A cluster with a namespace; the pods of it run at once."""

    name = "local"

    def __init__(self, project: Project, volume: Path, **more: Any) -> None:
        volume.mkdir(exist_ok=True)
        owned = {"metadata": {"labels": labels(project)}}
        self.there: dict[str, Any] = {"Namespace": owned}
        self.volume, self.classes, self.breaks = volume, more.get("classes", []), more.get("breaks", False)
        self.status = more.get("status", {"phase": "Running"})
        self.commands: list[list[str]] = []

    def find(self, kind: str, _namespace: str, _name: str) -> Any:
        return self.there.get(kind)

    def apply(self, thing: dict[str, Any]) -> str:
        self.there[thing["kind"]] = {**thing, "status": self.status}
        return "created"

    def delete(self, kind: str, _namespace: str, _name: str, grace: int | None = None) -> bool:
        return self.there.pop(kind, None) is not None and grace in (None, 0)

    def request(self, method: str, path: str) -> tuple[int, dict[str, Any]]:
        assert (method, path) == ("GET", "/apis/storage.k8s.io/v1/storageclasses")
        return 200, {"items": self.classes}

    def execute(self, _namespace: str, _pod: str, command: list[str]) -> Stream:
        self.commands.append(command)
        return Stream(self.volume, self.breaks)


DEFAULT = {"metadata": {"annotations": {"storageclass.kubernetes.io/is-default-class": "true"}}}


def push(project: Project, things: Things, context: str = "") -> claim.Pushed:
    target = Target(project, "" if context else "gaiaflow-demo", context, "mine")
    return claim.push(target, cast(Cluster, things), project.data["tiles"], IMAGE)


def test_a_claim_is_made_and_filled(project: Project, tmp_path: Path) -> None:
    things = Things(project, tmp_path / "volume", classes=[DEFAULT])
    pushed = push(project, things)
    size = 256 * 5000 + len("ünïcödé".encode()) + len("#!/bin/sh\n")
    assert pushed == ("tiles", "tiles", 5, size)
    assert files(tmp_path / "volume") == files(tmp_path / "data" / "tiles")
    made = things.there["PersistentVolumeClaim"]["spec"]
    assert made["resources"] == {"requests": {"storage": "1Gi"}}
    assert "storageClassName" not in made
    hard = things.there["ResourceQuota"]["spec"]["hard"]
    assert (hard["persistentvolumeclaims"], str(hard["pods"])) == ("1", "7")
    assert things.there.keys() == {"Namespace", "ResourceQuota", "PersistentVolumeClaim"}
    assert things.commands[0][0] == "python"


def test_a_profile_without_a_storage_class_gets_a_folder_of_its_node(project: Project, tmp_path: Path) -> None:
    things = Things(project, tmp_path / "volume")
    push(project, things)
    volume = things.there["PersistentVolume"]["spec"]
    assert volume["hostPath"] == {"path": "/tmp/hostpath_pv/mine-tiles", "type": "DirectoryOrCreate"}
    assert volume["claimRef"] == {"namespace": "mine", "name": "tiles"}
    assert things.there["PersistentVolumeClaim"]["spec"]["storageClassName"] == ""


def test_a_second_push_replaces_the_files_and_not_the_claim(project: Project, tmp_path: Path) -> None:
    things = Things(project, tmp_path / "volume", classes=[DEFAULT])
    push(project, things)
    kept = things.there["PersistentVolumeClaim"]
    (tmp_path / "data" / "tiles" / "none").unlink()
    assert push(project, things).files == 4
    assert things.there["PersistentVolumeClaim"] is kept
    assert not (tmp_path / "volume" / "none").exists()


def test_a_claim_that_was_not_filled_does_not_stay(project: Project, tmp_path: Path) -> None:
    things = Things(project, tmp_path / "volume", breaks=True)
    told = Case(
        lambda p: push(p, things),
        1,
        "the claim `tiles` was not filled: OSError: broken pipe",
        "inv prodlocal.push-data tiles",
    )
    hold(told, project)
    assert things.there.keys() == {"Namespace", "ResourceQuota"}


def test_another_project_s_claim_is_left_alone(project: Project, tmp_path: Path) -> None:
    things = Things(project, tmp_path / "volume", classes=[DEFAULT])
    things.there["PersistentVolumeClaim"] = {"metadata": {}}
    told = Case(
        lambda p: push(p, things),
        1,
        "the claim `tiles` in mine was not made by this project",
        "name another one in [tool.gaiaflow.data], or fill it yourself",
    )
    hold(told, project)
    assert things.commands == []


def test_a_cluster_of_the_user_s_without_a_storage_class(project: Project, tmp_path: Path) -> None:
    told = Case(
        lambda p: push(p, Things(p, tmp_path / "volume"), context="theirs"),
        3,
        "the cluster `local` has no default storage class, so it makes no volume for a claim",
        "kubectl get storageclass; or make the claim `tiles` yourself",
    )
    hold(told, project)


def test_a_namespace_that_is_not_there(project: Project, tmp_path: Path) -> None:
    things = Things(project, tmp_path / "volume")
    things.there.clear()
    told = Case(lambda p: push(p, things), 3, "no namespace `mine` in `local`", "inv prodlocal.start")
    hold(told, project)


def test_an_image_that_is_not_there(project: Project, tmp_path: Path) -> None:
    waiting = {"containerStatuses": [{"state": {"waiting": {"reason": "ErrImageNeverPull"}}}]}
    things = Things(project, tmp_path / "volume", status=waiting)
    told = Case(
        lambda p: push(p, things), 3, f"image `{IMAGE}` is not in the cluster", "inv prodlocal.dockerize"
    )
    hold(told, project)
    assert "PersistentVolumeClaim" not in things.there


def test_a_pod_that_does_not_start(project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(claim, "_POD_SECONDS", 0)
    pending = {"phase": "Pending", "conditions": [{"message": "0/1 nodes are available"}]}
    told = Case(
        lambda p: push(p, Things(p, tmp_path / "volume", status=pending)),
        1,
        "the pod that fills the claim did not start: 0/1 nodes are available",
        "kubectl --namespace mine describe pods,pvc",
    )
    hold(told, project)


@pytest.mark.parametrize("to", ["/etc/passwd", "../../pyproject.toml", "../other"])
def test_a_link_that_leads_out_is_refused(project: Project, tmp_path: Path, to: str) -> None:
    (tmp_path / "data" / "tiles" / "out").symlink_to(to)
    told = Case(
        lambda p: push(p, Things(p, tmp_path / "volume")),
        2,
        "`{root}/data/tiles/out` is a link that leads out of the folder",
        "copy the file in its place, or leave it out",
    )
    hold(told, project)


def test_a_folder_without_a_claim_or_without_files(project: Project) -> None:
    folder = project.data["tiles"]
    told = Case(
        lambda _: list(claim._entries(folder._replace(claim=""))),
        2,
        "data `tiles` has no `claim`",
        'claim = "tiles" in [tool.gaiaflow.data.tiles]',
    )
    hold(told, project)
    told = Case(
        lambda _: list(claim._entries(folder._replace(path=folder.path + "x"))),
        3,
        "data `tiles`: no folder `{root}/data/tilesx`",
        "mkdir -p {root}/data/tilesx",
    )
    hold(told, project)


def test_a_socket_is_left_out(project: Project, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "data" / "tiles" / "pipe")
    assert "pipe" not in [path.name for path in claim._entries(project.data["tiles"])]
    with pytest.raises(GaiaflowError):
        list(claim._entries(project.data["tiles"]._replace(claim="")))
