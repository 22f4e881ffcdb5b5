"""Make the certificates that close the S3 store's inner connections; runs in the services' environment.

``python certificates.py FOLDER`` writes ``ca.crt``, ``s3.crt`` and ``s3.key`` there, 0600. The authority's
own key is thrown away: nobody can make a second certificate.
"""

from __future__ import annotations

import ipaddress
import os
import sys
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

NAME = "gaiaflow-s3"
DAYS = 3650


def _certificate(common_name: str, key: Any, issuer: str, issuer_key: Any, authority: bool) -> bytes:
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.x509.oid import NameOID

    def name(text: str) -> x509.Name:
        return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])

    now = datetime.now(timezone.utc)
    here = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name(common_name))
        .issuer_name(name(issuer))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=DAYS))
        .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
        .add_extension(here, critical=False)
        .sign(issuer_key, hashes.SHA256())
    )
    return bytes(certificate.public_bytes(serialization.Encoding.PEM))


def make(folder: Path) -> None:
    """Write an authority's certificate, and a key with a certificate of it."""
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    authority_key = ec.generate_private_key(ec.SECP256R1())
    key = ec.generate_private_key(ec.SECP256R1())
    authority = f"{NAME} authority"
    _write(folder / "ca.crt", _certificate(authority, authority_key, authority, authority_key, authority=True))
    _write(folder / "s3.crt", _certificate(NAME, key, authority, authority_key, authority=False))
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    _write(folder / "s3.key", pem)


def _write(path: Path, content: bytes) -> None:
    path.unlink(missing_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)


if __name__ == "__main__":
    make(Path(sys.argv[1]))
