"""What is secret: the one judge of names, and of texts that hold a secret whatever it is called."""

from __future__ import annotations

import re
from collections.abc import Collection

# Anywhere in a name.
_PARTS = re.compile(
    r"passw|passphrase|secret|token|credential|private|api_?key|access_?key|authorization|signature|fernet|cookie"
    r"|_pwd|airflow_conn_",
    re.IGNORECASE,
)
# At the end of a name; elsewhere they are common words.
_LAST = {"auth", "conn", "connection", "dsn", "key", "keys", "pass", "pat"}
_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")
# They say where something secret is, not what.
_PLACE = re.compile(r"_(FILE|FILES|PATH|DIR|FOLDER|SOCK|URL)$", re.IGNORECASE)
_LOOKS = (
    re.compile(r"""(?<=://)[^/\s:@"']*:[^\s"']+(?=@)"""),
    re.compile(r"""(?<=://)[^/\s:@"']{16,}(?=@)"""),
    re.compile(r"eyJ[\w-]{8,}\.[\w-]+\.?[\w-]*"),
    re.compile(r"(?i)\b(?:bearer|basic)\s+[\w.~+/=-]{8,}"),
    re.compile(r"\b(?:AKIA|ASIA)[A-Z0-9]{16}\b"),
    re.compile(r"\b(?:gh[opsur]_|github_pat_|hf_|npm_|dckr_pat_|glpat-|pypi-|sk-|xox[abprs]-)[\w-]{10,}"),
    re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)", re.DOTALL),
    re.compile(r"""(?i)(?<=cookie: )[^\r\n"]+"""),
)
# A name and what assigns to it, in code, in JSON, and in JSON inside of JSON; then the value.
_ASSIGNMENT = re.compile(r"""(?<![\w.-])([\w.-]{1,100})(?:\\*["'])?\s*[=:]\s*""")
_VALUE = re.compile(r"""(?P<quote>\\*["']).*?(?P=quote)|[\\"']*[^\s,;&}"']+""")


def is_secret(name: str) -> bool:
    """Whether a variable or key of that name holds something secret."""
    if _PLACE.search(name):
        return False
    words = _WORD.findall(name)
    return bool(_PARTS.search(name)) or bool(words and words[-1].lower() in _LAST)


def hide(text: str, mask: str, known: Collection[str] = ()) -> str:
    """The text without what looks like a secret.

    Args:
        mask: what stands there instead.
        known: values that are secret wherever they stand; a longer one first.
    """
    for value in known:
        text = text.replace(value, mask)
    for look in _LOOKS:
        text = look.sub(mask, text)
    return _hide_assigned(text, mask)


def _hide_assigned(text: str, mask: str) -> str:
    """``password=…`` and its like; in prose, the words that only end a secret's name are common."""
    pieces, end = [], 0
    for match in _ASSIGNMENT.finditer(text):
        name = match[1]
        if match.start() < end or name.lower() in _LAST or not is_secret(name):
            continue
        if value := _VALUE.match(text, match.end()):
            pieces.append(text[end : match.end()] + mask)
            end = value.end()
    return "".join([*pieces, text[end:]])
