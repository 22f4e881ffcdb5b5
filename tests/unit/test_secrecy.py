"""One judge of what is secret, for the doctor's zip and for `inv dag.explain`."""

from __future__ import annotations

import json
import time

import pytest

from gaiaflow.doctor.redact import Redactor
from gaiaflow.inspection.masking import MASK, mask
from gaiaflow.secrecy import hide, is_secret

SECRET = [
    *("DB_PASS", "SENTRY_DSN", "GITHUB_PAT", "DB_AUTH", "SESSION_COOKIE", "PASSPHRASE", "DB_PASSWORD", "token"),
    *(
        "AWS_ACCESS_KEY_ID",
        "api_key",
        "SQL_ALCHEMY_CONN",
        "MYSQL_PWD",
        "SSH_KEY_2",
        "signingKey",
        "SIGNING-KEY",
    ),
    "AIRFLOW_CONN_WAREHOUSE",
]
OPEN = [
    *(
        "PATH",
        "PWD",
        "OLDPWD",
        "KEYBOARD",
        "KEYBOARD_LAYOUT",
        "AIRFLOW_PORT",
        "PASSWORDS_FILE",
        "author",
        "monkey",
    ),
    *("COMPASS", "KEY_COLUMN", "PASSES", "AUTHOR"),
]
# Each holds hunter2, which must not be seen.
LEAKS = [
    "postgres://user:p@sshunter2@host/db",
    "postgres://user:a/bhunter2@host/db",
    "https://hunter2hunter2hunter2@github.com/o/r.git",
    json.dumps({"event": json.dumps({"password": "hunter2", "n": 1})}),
    json.dumps({"event": json.dumps({"inner": json.dumps({"db_token": "hun ter hunter2"})})}),
    "event: password=hunter2",
    "MYSQL_PWD=hunter2",
    "export DB_PASS='hunter2'",
    "Set-Cookie: theme=dark; session=hunter2; Path=/",
    "pushed with ghp_hunter2hunter2hunter2",
    "pulled with glpat-hunter2hunter2hunter2",
    "login hf_hunter2hunter2hunter2",
]


@pytest.mark.parametrize("name", SECRET)
def test_names_of_secrets(name: str) -> None:
    assert is_secret(name)


@pytest.mark.parametrize("name", OPEN)
def test_names_of_others(name: str) -> None:
    assert not is_secret(name)


@pytest.mark.parametrize(
    "name", ["DB_PASS", "SENTRY_DSN", "GITHUB_PAT", "DB_AUTH", "SESSION_COOKIE", "PASSPHRASE"]
)
def test_explain_and_the_zip_hide_the_same_names(name: str) -> None:
    assert mask({"environment": {name: "hunter2"}}) == {"environment": {name: MASK}}
    assert mask([f"{name}=hunter2"]) == [f"{name}={MASK}"]
    assert "hunter2" not in json.dumps(Redactor([]).tree({name: "hunter2"}))


def test_explain_shows_what_is_no_secret() -> None:
    shown = {
        "KEYBOARD_LAYOUT": "de",
        "secretKeyRef": {"key": "token"},
        "topologyKey": "host",
        "secretName": "keys",
    }
    assert mask(shown) == shown


@pytest.mark.parametrize("text", LEAKS)
def test_a_text_with_a_secret(text: str) -> None:
    assert "hunter2" not in Redactor([]).text(text)
    assert "hunter2" not in str(mask(text))


@pytest.mark.parametrize(
    "text",
    [
        "http://127.0.0.1:8080/dags/flow",
        '{"a": "http://h:1", "b": "me@example.org"}',
        "KeyError: key: 'co2'",
        "2026-11-24T10:00:00 INFO the port is: 9123",
    ],
)
def test_a_text_without_one_stays(text: str) -> None:
    assert hide(text, "X") == text


def test_a_long_word_is_read_in_time() -> None:
    begun = time.monotonic()
    hide("a" * 300_000 + " " + "a:" * 100_000, "X")
    assert time.monotonic() - begun < 5
