"""The S3 store of the embedded stack: SeaweedFS in one process, keys checked, closed on every side.

SeaweedFS opens everything by default. Here each of its ports is on loopback, its HTTP interfaces want
signed tokens, and its gRPC wants a certificate of this project.
"""

from __future__ import annotations

import hmac
import json
from pathlib import Path

from gaiaflow.endpoints import LOOPBACK
from gaiaflow.infra.host import privatefile, process
from gaiaflow.stack.services import certificates
from gaiaflow.stack.services.keys import USER, Keys
from gaiaflow.stack.services.program import BUCKET, Program, Stack

# The admin server's gRPC port is its own port plus this; its worker allows no other.
CONSOLE_GRPC = 10000
INNER_PORTS = 7
_TOKENS = ("jwt.signing", "jwt.signing.read", "jwt.filer_signing", "jwt.filer_signing.read")
_GRPC = ("volume", "master", "filer", "s3", "msg_broker", "admin", "worker", "mq", "client")


def prepare(stack: Stack) -> None:
    """Write its certificates and its security.toml."""
    folder = stack.folder("s3")
    if not (folder / "s3.key").exists():
        script = [stack.python("services"), "-I", certificates.__file__, str(folder)]
        process.run(script, timeout=60, hint="inv dev.logs --service s3")
    privatefile.write(folder / "security.toml", security(folder, stack.keys))


def sockets(inner: list[int], console: int) -> list[Path]:
    """What SeaweedFS leaves in /tmp, where it always puts them: 0700, and behind the certificates."""
    numbers = {"master": inner[1], "volume": inner[3], "filer": inner[5], "s3": inner[6]}
    numbers["admin"] = console + CONSOLE_GRPC
    return [Path(f"/tmp/seaweedfs-{part}-grpc-{port}.sock") for part, port in numbers.items()]  # noqa: S108


def programs(stack: Stack) -> list[Program]:
    folder = stack.folder("s3")
    weed = str(stack.project.home / "envs" / "services" / "bin" / "weed")
    argv = [weed, f"-config_dir={folder}", "-logtostderr=true", "mini"]
    argv += [f"-{key}={value}" for key, value in _options(stack).items()]
    env = {
        **stack.environment("s3"),
        **stack.s3_keys(),
        "HOME": str(folder),  # or it would read ~/.seaweedfs before ours
    }
    return [Program("s3", argv, env, folder)]


def _options(stack: Stack) -> dict[str, str | int]:
    master, master_grpc, volume, volume_grpc, filer, filer_grpc, s3_grpc = stack.inner
    return {
        "dir": str(stack.folder("data", "s3")),
        "ip": LOOPBACK,
        "ip.bind": LOOPBACK,
        "bucket": BUCKET,
        "disableHttp": "true",
        "webdav": "false",
        "master.telemetry": "false",
        "master.port": master,
        "master.port.grpc": master_grpc,
        "volume.port": volume,
        "volume.port.grpc": volume_grpc,
        "volume.id": "gaiaflow",
        "filer.port": filer,
        "filer.port.grpc": filer_grpc,
        "filer.localSocket": "filer.sock",
        "s3.port": stack.ports["s3"],
        "s3.port.grpc": s3_grpc,
        "s3.port.iceberg": 0,
        "s3.port.lance": 0,
        "s3.localSocket": "s3.sock",
        "s3.autoCreateBucket": "false",
        "s3.allowDeleteBucketNotEmpty": "false",
        "s3.allowedOrigins": "",
        "admin.port": stack.ports["s3-console"],
        "admin.port.grpc": stack.ports["s3-console"] + CONSOLE_GRPC,
    }


def security(folder: Path, keys: Keys) -> str:
    """The text of security.toml for certificates that the store finds in the folder."""
    pair = _quoted(folder / "s3.crt"), _quoted(folder / "s3.key")
    lines = ["[access]", "ui = false", "[filer.expose_directory_metadata]", "enabled = false"]
    lines += ["[admin]", f'user = "{USER}"', f'password = "{keys.s3_console_password}"']
    for table in _TOKENS:
        key = hmac.new(keys.s3_signing.encode(), table.encode(), "sha256").hexdigest()
        lines += [f"[{table}]", f'key = "{key}"', "expires_after_seconds = 60"]
    lines += ["[grpc]", f"ca = {_quoted(folder / 'ca.crt')}"]
    for part in _GRPC:
        lines += [f"[grpc.{part}]", f"cert = {pair[0]}", f"key = {pair[1]}"]
        lines += [f"client_cert = {pair[0]}", f"client_key = {pair[1]}"]
        lines += [f'allowed_commonNames = "{certificates.NAME}"']
    return "\n".join(lines) + "\n"


def _quoted(path: Path) -> str:
    """A path as a text of TOML: a folder may be called anything."""
    return json.dumps(str(path), ensure_ascii=False).replace("\x7f", "\\u007f")
