"""A daemon behind TLS and a token, with a certificate of an authority that only the connection knows."""

from __future__ import annotations

import ipaddress
import json
import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from airflow_provider_hypercarbon.exceptions import AuthenticationError, ConfigurationError, UnavailableError
from airflow_provider_hypercarbon.hooks.hypersdk import HyperSDKHook
from tests.hypersdk.fake_daemon import export_request, small_daemon, until_ended

TOKEN = "canary-token-4711"


def certificate(folder: Path, name: str, *, signed_by=None):
    """Make a key and a certificate for the loopback; without a signer it is an authority."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    issuer_key, issuer = signed_by or (key, subject)
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=signed_by is None, path_length=None), critical=True)
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False
        )
        .sign(issuer_key, hashes.SHA256())
    )
    pem = folder / f"{name}.pem"
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    pem.write_bytes(made.public_bytes(serialization.Encoding.PEM) + private)
    return pem, (key, subject)


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tls")
    ca, signer = certificate(folder, "authority")
    server, _ = certificate(folder, "daemon", signed_by=signer)
    other, _ = certificate(folder, "other-authority")
    return {"ca": ca, "server": server, "other": other}


@pytest.fixture
def daemon(tmp_path, authority):
    """The development daemon, asked for a token, behind TLS."""
    made = small_daemon(tmp_path, api_key=TOKEN)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(authority["server"])
    made.server.socket = context.wrap_socket(made.server.socket, server_side=True)
    with made as running:
        yield running.url.replace("http://", "https://")


@pytest.fixture
def hook(monkeypatch, daemon):
    def make(password=TOKEN, **extra):
        connection = {"conn_type": "hypersdk", "host": daemon, "password": password, "extra": extra}
        monkeypatch.setenv("AIRFLOW_CONN_HYPERSDK_DEFAULT", json.dumps(connection))
        return HyperSDKHook()

    return make


@pytest.mark.parametrize("auth", ["bearer", "api_key"])
def test_an_export_behind_tls_and_a_token(hook, authority, tmp_path, auth):
    """The authority comes from the connection, the token goes as the proxy wants it."""
    client = hook(auth=auth, ca_file=str(authority["ca"])).get_conn()
    client.ensure_submitted(export_request(output_dir=str(tmp_path / "out")))
    assert until_ended(client, "job-1").status == "completed"
    assert client.query(["job-1"])[0].status == "completed"


@pytest.mark.parametrize("extra", [{}, {"ca_file": "other"}])
def test_a_certificate_of_somebody_else_is_refused(hook, authority, extra):
    """Nothing is sent to a daemon that cannot be told from another, and the sentence says what to do."""
    given = {key: str(authority[value]) for key, value in extra.items()}
    with pytest.raises(UnavailableError, match="Give the connection the authority that signed it") as caught:
        hook(**given).get_conn().get_job("job-1")
    assert TOKEN not in str(caught.value)


def test_verification_can_be_switched_off(hook):
    """For a laboratory."""
    assert hook(verify_tls=False).get_conn().health() == "healthy"


def test_a_wrong_token_is_named_and_not_repeated(hook, authority):
    """Neither in the error nor in what led to it."""
    with pytest.raises(AuthenticationError, match="Check the connection's token") as caught:
        hook(password="wrong-canary", ca_file=str(authority["ca"])).get_conn().status()
    assert "canary" not in f"{caught.value!r} {caught.value.__cause__!r}"


def test_a_missing_authority_is_a_setting_to_mend(hook):
    """Before any connection is made."""
    with pytest.raises(ConfigurationError, match="no file on this machine"):
        hook(ca_file="/nowhere/ca.pem").get_conn()
