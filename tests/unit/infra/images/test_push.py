"""Where an engine's answer to a push has the image's digest."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from gaiaflow.infra.images import push

DIGEST = "sha256:" + "8" * 64
PUSHED = {"status": "Pushed", "progressDetail": {}, "id": "bf165f80fbe2"}


@pytest.mark.parametrize(
    "last",
    [
        {"progressDetail": {}, "aux": {"Tag": "1", "Digest": DIGEST, "Size": 404}},
        # The containerd image store.
        {"status": f"1: digest: {DIGEST} size: 404"},
    ],
)
def test_the_digest_of_a_push_is_read(last: dict[str, Any]) -> None:
    told: list[tuple[str, str]] = []
    lines = [{"status": "The push refers to repository [r/t/p]"}, PUSHED, last]
    client: Any = SimpleNamespace(images=SimpleNamespace(push=lambda *_, **__: iter(lines)))
    assert push._upload(client, "r.example.org/t/p", "1", lambda *layer: told.append(layer)) == DIGEST
    assert told == [("bf165f80fbe2", "pushed")]
