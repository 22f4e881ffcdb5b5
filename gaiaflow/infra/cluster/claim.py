"""The claims of the local cluster for the project's folders of data: made, and filled from this machine."""

from __future__ import annotations

import hashlib
import io
import secrets
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from gaiaflow import podrule
from gaiaflow.datafolder import Folder
from gaiaflow.errors import GaiaflowError, MissingError, UsageError
from gaiaflow.infra.cluster import manifests, room, unpack
from gaiaflow.infra.cluster.api import PROJECT_ID, Cluster, labels
from gaiaflow.infra.cluster.target import Target
from gaiaflow.infra.host import wait
from gaiaflow.infra.host.progress import Tell, silent

PIECE = 2**19
_GIB = 2**30
# In minikube's node these outlive a restart.
_NODE_FOLDER = "/tmp/hostpath_pv"  # noqa: S108 - of the node
_DEFAULT_CLASS = "storageclass.kubernetes.io/is-default-class"
_POD_SECONDS, _UNPACK_SECONDS, _LIFE_SECONDS = 180, 600, 3600
_FOLDER = "/data"


class Pushed(NamedTuple):
    """What a claim was filled with."""

    name: str
    claim: str
    files: int
    size: int


def push(target: Target, cluster: Cluster, folder: Folder, image: str, tell: Tell = silent) -> Pushed:
    """Make the claim of a folder, and replace what is in it by the folder's files.

    A task that runs meanwhile sees the files as they were until all of them have arrived.

    Args:
        image: one of the cluster, with a Python.

    Raises:
        UsageError: the folder has no claim, or a link in it leads out of it.
        MissingError: the folder, the namespace, a storage class or the image is not there.
        GaiaflowError: the cluster refused, or not all of it arrived.
    """
    entries = list(_entries(folder))
    size = sum(path.stat().st_size for path in entries if path.is_file() and not path.is_symlink())
    made = _make(target, cluster, folder, size)
    pod = f"data-{folder.dashed}-{secrets.token_hex(3)}"
    done = False
    try:
        cluster.apply(_pod(target, folder, pod, image))
        tell("waiting for a pod")
        _await(cluster, target.namespace, pod, image)
        _send(cluster, target.namespace, pod, folder, entries, size, tell)
        done = True
    finally:
        cluster.delete("Pod", target.namespace, pod, grace=0)
        if made and not done:  # a claim without files would pass for a filled one
            cluster.delete("PersistentVolumeClaim", target.namespace, folder.claim)
            cluster.delete("PersistentVolume", "", _volume_name(target, folder))
    files = sum(path.is_file() for path in entries)
    return Pushed(folder.name, folder.claim, files, size)


def _entries(folder: Folder) -> Iterator[Path]:
    """Everything in a folder, each folder before what is in it."""
    if not folder.claim:
        raise UsageError(
            f"data `{folder.name}` has no `claim`",
            f'claim = "{folder.dashed}" in [tool.gaiaflow.data.{folder.name}]',
        )
    root = Path(folder.path)
    if not root.is_dir():
        raise MissingError(f"data `{folder.name}`: no folder `{root}`", f"mkdir -p {root}")
    for path in sorted(root.rglob("*")):
        if path.is_symlink() and (path.readlink().is_absolute() or root not in path.resolve().parents):
            raise UsageError(
                f"`{path}` is a link that leads out of the folder",
                "copy the file in its place, or leave it out",
            )
        if path.is_symlink() or path.is_dir() or path.is_file():
            yield path


def _make(target: Target, cluster: Cluster, folder: Folder, size: int) -> bool:
    """Make the claim where it is not there; whether it was made."""
    project, namespace = target.project, target.namespace
    manifests.refuse_foreign(cluster, project, namespace)
    if cluster.find("Namespace", "", namespace) is None:
        raise MissingError(f"no namespace `{namespace}` in `{cluster.name}`", "inv prodlocal.start")
    there = cluster.find("PersistentVolumeClaim", namespace, folder.claim)
    if there is not None:
        if there["metadata"].get("labels", {}).get(PROJECT_ID) != project.id:
            raise GaiaflowError(
                f"the claim `{folder.claim}` in {namespace} was not made by this project",
                "name another one in [tool.gaiaflow.data], or fill it yourself",
            )
        return False
    quota = manifests.manifests(labels(project), namespace, ("resource-quota",), manifests.claims_of(project))
    cluster.apply(room.fitted(quota, project.settings.cluster)[0])
    claim = _claim(target, folder, size)
    if not _has_default_class(cluster):
        if not target.profile:
            raise MissingError(
                f"the cluster `{cluster.name}` has no default storage class, so it makes no volume for a claim",
                f"kubectl get storageclass; or make the claim `{folder.claim}` yourself",
            )
        cluster.apply(_volume(target, folder, claim))
        claim["spec"]["storageClassName"] = ""
    cluster.apply(claim)
    return True


def _has_default_class(cluster: Cluster) -> bool:
    classes = cluster.request("GET", "/apis/storage.k8s.io/v1/storageclasses")[1].get("items", [])
    notes = [entry["metadata"].get("annotations") or {} for entry in classes]
    return any(note.get(_DEFAULT_CLASS) == "true" for note in notes)


def _claim(target: Target, folder: Folder, size: int) -> dict[str, Any]:
    """Twice the size: while new files arrive, the earlier ones stay."""
    gibibytes = max(1, -(-2 * size // _GIB))
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {
            "name": folder.claim,
            "namespace": target.namespace,
            "labels": labels(target.project),
        },
        "spec": {
            "accessModes": ["ReadWriteOnce"],
            "resources": {"requests": {"storage": f"{gibibytes}Gi"}},
        },
    }


def _volume_name(target: Target, folder: Folder) -> str:
    return f"{target.namespace}-{folder.claim}"


def _volume(target: Target, folder: Folder, claim: dict[str, Any]) -> dict[str, Any]:
    """A folder of the one node, for a cluster that makes no volumes itself."""
    name = _volume_name(target, folder)
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolume",
        "metadata": {"name": name, "labels": labels(target.project)},
        "spec": {
            "accessModes": ["ReadWriteOnce"],
            "capacity": dict(claim["spec"]["resources"]["requests"]),
            "claimRef": {"namespace": target.namespace, "name": folder.claim},
            "storageClassName": "",
            "hostPath": {"path": f"{_NODE_FOLDER}/{name}", "type": "DirectoryOrCreate"},
        },
    }


def _pod(target: Target, folder: Folder, name: str, image: str) -> dict[str, Any]:
    """A pod that waits; root, because the folder of a new volume is root's."""
    container = {
        "name": "data",
        "image": image,
        "imagePullPolicy": "IfNotPresent",
        "command": ["python", "-c", f"import time; time.sleep({_LIFE_SECONDS})"],
        "securityContext": {"allowPrivilegeEscalation": False},
        "volumeMounts": [{"name": "data", "mountPath": _FOLDER}],
    }
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": target.namespace, "labels": labels(target.project)},
        "spec": {
            "restartPolicy": "Never",
            "activeDeadlineSeconds": _LIFE_SECONDS,
            "automountServiceAccountToken": False,
            "securityContext": {"runAsUser": 0, "seccompProfile": {"type": "RuntimeDefault"}},
            "containers": [container],
            "volumes": [{"name": "data", "persistentVolumeClaim": {"claimName": folder.claim}}],
        },
    }


def _await(cluster: Cluster, namespace: str, pod: str, image: str) -> None:
    """Wait until the pod runs."""

    def running() -> bool:
        status = (cluster.find("Pod", namespace, pod) or {}).get("status", {})
        for container in status.get("containerStatuses", []):
            waiting = container.get("state", {}).get("waiting", {})
            if waiting.get("reason") in podrule.NO_IMAGE:
                raise MissingError(f"image `{image}` is not in the cluster", "inv prodlocal.dockerize")
        why[:] = [c["message"] for c in status.get("conditions", []) if c.get("message")]
        return bool(status.get("phase") == "Running")

    why: list[str] = []
    if not wait.until(running, _POD_SECONDS, 0.5):
        raise GaiaflowError(
            f"the pod that fills the claim did not start: {why[0] if why else 'no reason is given'}",
            f"kubectl --namespace {namespace} describe pods,pvc",
        )


def _send(
    cluster: Cluster, namespace: str, pod: str, folder: Folder, entries: list[Path], size: int, tell: Tell
) -> None:
    source = Path(unpack.__file__).read_text(encoding="utf-8")
    stream = cluster.execute(namespace, pod, ["python", "-c", source, _FOLDER])
    try:
        pieces = Pieces(stream.write_stdin, lambda sent: tell(f"{sent / 1e6:.0f} of {size / 1e6:.0f} MB"))
        write_tar(pieces, Path(folder.path), entries, folder.writable)
        pieces.end()
        stream.run_forever(timeout=_UNPACK_SECONDS)
        said, wrong = stream.read_stdout(), stream.read_stderr()
    except Exception as error:  # noqa: BLE001 - the client's socket, the tar and the files raise many kinds
        raise _not_filled(folder, f"{type(error).__name__}: {error}") from None
    finally:
        stream.close()
    if "done" not in said:
        raise _not_filled(folder, (wrong.strip().splitlines() or ["the pod ended"])[-1])


def _not_filled(folder: Folder, why: str) -> GaiaflowError:
    hint = f"inv prodlocal.push-data {folder.name}"
    return GaiaflowError(f"the claim `{folder.claim}` was not filled: {why}", hint)


class Pieces(io.RawIOBase):
    """A file whose content goes out in the pieces that `unpack` reads."""

    def __init__(self, send: Callable[[bytes], object], tell: Callable[[int], None]) -> None:
        self._send, self._tell, self._sent, self._sha256 = send, tell, 0, hashlib.sha256()

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        piece = bytes(data)
        if piece:
            self._send(b"%08x" % len(piece) + piece)
            self._sha256.update(piece)
            self._sent += len(piece)
            self._tell(self._sent)
        return len(piece)

    def end(self) -> None:
        """Say that it is all."""
        self._send(b"%08x" % 0 + self._sha256.hexdigest().encode())


def write_tar(file: Pieces, root: Path, entries: list[Path], writable: bool) -> None:
    """The entries of a folder, for any user to read, and to write where that is allowed."""
    open_folder, open_file = (0o777, 0o666) if writable else (0o755, 0o644)

    def opened(entry: tarfile.TarInfo) -> tarfile.TarInfo:
        entry.uid = entry.gid = 0
        entry.uname = entry.gname = ""
        executable = 0o111 if entry.mode & 0o100 and not entry.isdir() else 0
        entry.mode = open_folder if entry.isdir() else open_file | executable
        return entry

    with tarfile.open(fileobj=file, mode="w|", bufsize=PIECE) as archive:
        for path in (root, *entries):
            archive.add(path, str(path.relative_to(root)), recursive=False, filter=opened)
