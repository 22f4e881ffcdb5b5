"""The zip for whoever helps: nothing secret is in it, wherever a secret was planted."""

from __future__ import annotations

import base64
import json
import zipfile
from pathlib import Path
from urllib.parse import quote

import pytest

from gaiaflow.doctor import bundle, redact
from gaiaflow.doctor.check import failed
from gaiaflow.doctor.examine import Report
from gaiaflow.doctor.place import Place
from gaiaflow.doctor.redact import MASK, Redactor
from gaiaflow.endpoints import PORTS
from gaiaflow.errors import UsageError
from gaiaflow.infra.host import privatefile
from gaiaflow.infra.host.envfile import write_variables
from gaiaflow.project import Project

# One of each kind: what is known by its file, and what only looks like a secret in a log.
ENV, KEY, STORED, SHELL = "canary-env-1$'x", "canary-key-2", 'canary-"stored"-3', "canary-shell-4"
ADDRESS, BEARER, ASSIGNED = "canary-address-5", "canary-bearer-6", "canary-assigned-7"
TOKEN = "canary-token-8.canary.canary"
DOLLAR = "canary-${HOME}-9"
CANARIES = (ENV, KEY, STORED, SHELL, ADDRESS, BEARER, ASSIGNED, TOKEN, DOLLAR)


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    """A project whose embedded stack ran, and whose logs say more than they should."""
    monkeypatch.setenv("SOME_API_TOKEN", SHELL)
    (tmp_path / "pyproject.toml").write_text('[project]\nname = "demo"\n[tool.gaiaflow]\n')
    (tmp_path / ".env").write_text(f'WEATHER="{ENV}"\nGAIAFLOW_S3_PORT=9123\nDB_PASSWORD=abc\n')
    home = privatefile.folder(tmp_path / ".gaiaflow")
    privatefile.write_json(home / "keys.json", {"airflow_jwt": KEY})
    privatefile.write_json(home / "state.json", {"backend": "embedded", "ports": dict.fromkeys(PORTS, 9123)})
    write_variables(privatefile.folder(home / "secrets") / "mine.env", {"VALUE": STORED, "OTHER": DOLLAR})
    privatefile.write_json(privatefile.folder(home / "prodlocal") / "config", {"token": TOKEN})
    logs = privatefile.folder(home / "logs")
    (logs / "mlflow.log").write_text("\n".join(LEAKS) + "\n")
    return Place(Project.find(tmp_path))


LEAKS = [
    "a line of use on port 9123",
    *(f"plain {value} in a line" for value in (ENV, KEY, STORED, SHELL, TOKEN, DOLLAR)),
    f"json {json.dumps(STORED)}",
    f"address http://host/?value={quote(ENV, safe='')}",
    f"base64 {base64.b64encode(STORED.encode()).decode()}",
    f"postgresql://admin:{ADDRESS}@postgres/airflow",
    f"Authorization: Bearer {BEARER}",
    f"db_password={ASSIGNED}",
    "pw abc",
]


def texts(file: Path) -> dict[str, str]:
    with zipfile.ZipFile(file) as archive:
        return {name: archive.read(name).decode() for name in archive.namelist()}


def test_no_canary_is_in_the_zip(place: Place, tmp_path: Path) -> None:
    report = Report((failed(f"it says {KEY}", f"use {ENV}"),))
    file = tmp_path / "help.zip"
    named = bundle.write(place, report, file)
    found = texts(file)
    assert named == list(found) == ["versions.json", "doctor.json", "status.json", "logs/mlflow.log"]
    whole = "\n".join(found.values())
    coded = [quote(ENV, safe=""), base64.b64encode(STORED.encode()).decode(), json.dumps(STORED)[1:-1]]
    assert [value for value in (*CANARIES, *coded) if value in whole] == []
    assert "abc" not in found["logs/mlflow.log"]
    assert file.stat().st_mode & 0o777 == 0o600


def test_what_is_of_use_stays(place: Place, tmp_path: Path) -> None:
    file = tmp_path / "help.zip"
    bundle.write(place, Report((failed("`s3` is down", "inv dev.start"),)), file)
    found = texts(file)
    assert "a line of use on port 9123" in found["logs/mlflow.log"]
    assert "postgresql://" in found["logs/mlflow.log"]
    assert json.loads(found["doctor.json"])["checks"][0]["said"] == "`s3` is down"
    assert json.loads(found["versions.json"])["packages"]["invoke"]
    assert json.loads(found["status.json"])["backend"] == "embedded"


def test_a_file_that_is_there_is_not_written_over(place: Place, tmp_path: Path) -> None:
    (tmp_path / "help.zip").write_text("mine")
    with pytest.raises(UsageError, match="already exists"):
        bundle.write(place, Report(()), tmp_path / "help.zip")
    assert (tmp_path / "help.zip").read_text() == "mine"


def test_a_composition_hides_what_sounds_secret() -> None:
    tree = {
        "name": "demo",
        "services": {"s3": {"environment": {"AWS_SECRET_ACCESS_KEY": "x1", "PORT": "9000", "EMPTY": None}}},
        "passwords": ["x2", {"of": "x3"}],
        "key_file": "/opt/keys.json",
    }
    assert Redactor([]).tree(tree) == {
        "name": "demo",
        "services": {"s3": {"environment": {"AWS_SECRET_ACCESS_KEY": MASK, "PORT": "9000", "EMPTY": None}}},
        "passwords": [MASK, {"of": MASK}],
        "key_file": "/opt/keys.json",
    }


def test_a_longer_secret_goes_before_its_beginning() -> None:
    assert Redactor(["abcdef", "abcdef-and-more"]).text("x abcdef-and-more y") == f"x {MASK} y"


def test_the_home_of_the_user_has_another_name(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/somebody")
    assert redact.of(place.project).text("at /home/somebody/project") == "at ~/project"
