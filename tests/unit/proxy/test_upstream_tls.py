"""An upstream's certificate is verified, by our client and by git alike."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from tests.unit.proxy.rig import Rig, Upstreams

pytestmark = pytest.mark.live


def write_certificate(path: Path, name: str) -> None:
    """Write a key and a certificate that signs itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder(subject, subject, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    plain = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8)
    secret = key.private_bytes(*plain, serialization.NoEncryption())
    path.write_bytes(secret + certificate.public_bytes(serialization.Encoding.PEM))


@pytest.mark.parametrize(
    ("kind", "path"),
    [
        ("archive", "/debian/dists/bookworm/InRelease"),
        ("git", "/demo-org/demo-study/info/refs?service=git-upload-pack"),
    ],
)
@pytest.mark.parametrize("fault", ["unknown", "name"])
def test_a_certificate_that_does_not_verify_is_refused(
    start_rig: Callable[..., Rig],
    upstreams: Upstreams,
    tmp_path: Path,
    kind: str,
    path: str,
    fault: str,
) -> None:
    assert upstreams.study
    good, bad = tmp_path / "good.pem", tmp_path / "bad.pem"
    write_certificate(good, "localhost")
    write_certificate(bad, "localhost" if fault == "unknown" else "elsewhere.example")
    trusted = tmp_path / "trusted.pem"
    trusted.write_bytes(good.read_bytes() + (bad.read_bytes() if fault == "name" else b""))
    for certificate, status in ((bad, 502), (good, 200)):
        double = upstreams.archive if kind == "archive" else upstreams.forge
        double.use_tls(certificate)
        rig = start_rig(ca_file=trusted, policy=tmp_path / f"{certificate.stem}.yml")
        answer = rig.raw(kind, "GET", path)
        assert (answer[0], "upstream_tls" in answer[2]) == (status, status == 502)
