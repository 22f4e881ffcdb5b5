"""Which files hold keys or are part of an environment: they never go into an image."""

from __future__ import annotations

import re
from pathlib import Path

# Names of files and folders at any depth, in lower case.
_NAMES = {
    "passwords": ".env .env.* .envrc .netrc _netrc .pgpass .my.cnf .htpasswd",
    "services": ".vault-token .streamlit/secrets.toml .pypirc .npmrc .git-credentials .dvc/config.local",
    "data": ".cdsapirc .s3cfg .boto .databrickscfg",
    "clouds": ".aws .azure .gcloud .config/gcloud application_default_credentials.json client_secret*.json",
    "accounts": "service-account*.json service_account*.json .kube .docker/config.json",
    "terraform": "terraform.tfvars *.auto.tfvars *.tfstate *.tfstate.backup .terraform",
    "keys": ".ssh .gnupg id_rsa* id_dsa* id_ecdsa* id_ed25519* *.key *.ppk *.p12 *.pfx *.jks *.keystore *.kdbx",
    "state": ".git .gaiaflow .venv .pixi .direnv .conda .nox .tox node_modules",
    "caches": "__pycache__ *.pyc *.egg-info .ipynb_checkpoints .pytest_cache .mypy_cache .ruff_cache",
}
_ALL_NAMES = "|".join(re.escape(name).replace(r"\*", "[^/]*") for name in " ".join(_NAMES.values()).split())
_NAMED = re.compile(f"(.*/)?({_ALL_NAMES})")
# `id_work` is a key, `id_map.py` is not.
_SSH_KEY = re.compile(r"id_[^./]+(\.pub)?")
# What python -m venv and conda leave in each environment, whatever its folder is called.
_ENVIRONMENT = ("pyvenv.cfg", "conda-meta")
_HEAD = 4096


def is_never_for_images(root: Path, relative: str) -> bool:
    """Whether a file of a folder may be in no image: for its name, for a folder above it, or for what it holds.

    Args:
        relative: the file's path in the folder, with slashes.
    """
    parts = relative.split("/")
    return (
        any(is_named_so("/".join(parts[: depth + 1])) for depth in range(len(parts)))
        or bool(_SSH_KEY.fullmatch(parts[-1]))
        or _is_key(root / relative)
    )


def is_named_so(relative: str) -> bool:
    """Whether a file or a folder has a name that no image takes."""
    return bool(_NAMED.fullmatch(relative.lower()))


def is_environment(folder: Path) -> bool:
    """Whether a folder is an environment of Python or conda."""
    return any((folder / mark).exists() for mark in _ENVIRONMENT)


def _is_key(file: Path) -> bool:
    """Whether a file is a private key, a cloud's file with one, or a .pem that is more than a certificate."""
    if file.is_symlink() or not file.is_file():
        return False
    with file.open("rb") as stream:
        head = stream.read(_HEAD)
        if head.lstrip().startswith(b"-----BEGIN ") and b"PRIVATE KEY-----" in head:
            return True
        if file.suffix.lower() == ".pem":
            whole = head + stream.read()
            return b"PRIVATE KEY-----" in whole or b"-----BEGIN CERTIFICATE-----" not in whole
    return file.suffix.lower() == ".json" and b'"private_key"' in head
