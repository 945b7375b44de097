from __future__ import annotations

import asyncio
import json
import subprocess
import sys

import pytest

from airflow_provider_hypercarbon.exceptions import ConfigurationError
from airflow_provider_hypercarbon.hooks.hypersdk import HyperSDKHook
from airflow_provider_hypercarbon.hypersdk import client as client_module
from tests.hypersdk.fake_daemon import CANARY, small_daemon


@pytest.fixture
def connection(monkeypatch):
    """Define an Airflow connection in the environment."""

    def define(conn_id="hypersdk_default", **fields):
        fields = {"conn_type": "hypersdk"} | fields
        monkeypatch.setenv(f"AIRFLOW_CONN_{conn_id.upper()}", json.dumps(fields))

    return define


@pytest.fixture
def made(monkeypatch):
    """What the clients were made of."""
    calls = []
    monkeypatch.setattr(client_module, "HyperSDKClient", lambda url, **options: calls.append((url, options)))
    return calls


@pytest.mark.parametrize(
    ("fields", "url"),
    [
        ({"host": "daemon"}, "http://daemon:8080"),
        ({"host": "daemon", "port": 9000}, "http://daemon:9000"),
        ({"host": "daemon:9000"}, "http://daemon:9000"),
        ({"host": "daemon", "schema": "https"}, "https://daemon:8080"),
        ({"host": "https://daemon.example.com/hypersdk/"}, "https://daemon.example.com/hypersdk"),
        ({"host": "https://daemon.example.com", "port": 8443}, "https://daemon.example.com:8443"),
        ({"host": "http://daemon:1", "port": 2}, "http://daemon:1"),
        ({"host": "::1"}, "http://[::1]:8080"),
    ],
)
def test_the_connection_says_where_the_daemon_is(connection, made, fields, url):
    """A bare host gets scheme and port; a URL stands as it is."""
    connection(**fields)
    HyperSDKHook().get_conn()
    asyncio.run(HyperSDKHook().aget_conn())
    assert made == [(url, {"token": None, "auth": "api_key", "verify": True})] * 2


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"host": " "},
        {"host": "ftp://daemon"},
        {"host": "daemon", "schema": "gopher"},
        {"host": "http://user:secret@daemon"},
        {"host": "daemon:port"},
        {"host": "http://daemon/?key=secret"},
        {"host": "daemon", "extra": {"auth": "basic"}},
        {"host": "daemon", "extra": {"verify_tls": "maybe"}},
    ],
)
def test_a_wrong_connection_is_a_configuration_error(connection, fields):
    """It says which connection, repeats no credential, and no retry is burnt."""
    connection(**fields)
    with pytest.raises(ConfigurationError, match="hypersdk_default") as caught:
        HyperSDKHook().get_conn()
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("extra", "auth", "verify"),
    [
        ({}, "api_key", True),
        ({"auth": "bearer", "verify_tls": False}, "bearer", False),
        ({"auth": "api_key", "verify_tls": "false"}, "api_key", False),
        ({"verify_tls": "Yes"}, "api_key", True),
        ({"verify_tls": ""}, "api_key", True),
    ],
)
def test_extra_says_how_to_log_in_and_whether_to_trust(connection, made, extra, auth, verify):
    """API key or bearer token; certificates are checked unless the connection says otherwise."""
    connection(host="daemon", password="key", extra=extra)
    HyperSDKHook().get_conn()
    assert made == [("http://daemon:8080", {"token": "key", "auth": auth, "verify": verify})]


@pytest.mark.parametrize("conn_id", ["nowhere", "hypersdk_default"])
def test_a_missing_connection_shows_how_to_define_it(conn_id):
    """Both for the command line and for the environment; in a worker and in a trigger."""
    hook = HyperSDKHook(conn_id)
    expected = f"airflow connections add {conn_id}.*AIRFLOW_CONN_{conn_id.upper()}="
    with pytest.raises(ConfigurationError, match=expected):
        hook.get_conn()
    with pytest.raises(ConfigurationError, match=expected):
        asyncio.run(hook.aget_conn())
    with pytest.raises(ConfigurationError, match=expected):
        hook.vcenter(conn_id)


@pytest.mark.parametrize(
    ("fields", "server", "insecure"),
    [
        ({"host": "vc.example.com"}, "vc.example.com", False),
        ({"host": "https://vc.example.com/", "port": 8443}, "vc.example.com:8443", False),
        ({"host": "vc", "extra": {"insecure": True}}, "vc", True),
    ],
)
def test_any_connection_with_a_login_is_a_vcenter(connection, fields, server, insecure):
    """Host, login and password of any connection type; the daemon wants the host without a scheme."""
    connection("vcenter_default", conn_type="generic", login="svc", password=CANARY, **fields)
    vcenter = HyperSDKHook().vcenter("vcenter_default")
    assert (vcenter.server, vcenter.username, vcenter.insecure) == (server, "svc", insecure)
    assert vcenter.password.get_secret_value() == CANARY
    assert "canary" not in repr(vcenter)


@pytest.mark.parametrize(
    ("fields", "wrong"),
    [
        ({"login": "svc", "password": CANARY}, "server"),
        ({"host": "vc", "password": CANARY}, "username"),
        ({"host": "vc", "login": "svc"}, "password"),
        ({"host": "vc/sdk", "login": "svc", "password": CANARY}, "server"),
    ],
)
def test_half_a_vcenter_is_a_configuration_error(connection, fields, wrong):
    """It names the missing part and nothing secret."""
    connection("vcenter_default", conn_type="generic", **fields)
    with pytest.raises(ConfigurationError, match=f"its {wrong} cannot be used") as caught:
        HyperSDKHook().vcenter("vcenter_default")
    assert "canary" not in str(caught.value)


def test_the_vcenter_password_is_masked_in_logs(connection, monkeypatch):
    """Airflow's masker knows it before anything could log it."""
    from airflow.sdk import log

    masked = []
    monkeypatch.setattr(log, "mask_secret", lambda secret, name=None: masked.append(secret))
    connection("vcenter_default", conn_type="generic", host="vc", login="svc", password=CANARY)
    HyperSDKHook().vcenter("vcenter_default")
    assert CANARY in masked


def test_the_test_button(connection, tmp_path):
    """It says what the daemon is and can, or why it cannot be reached."""
    with small_daemon(tmp_path) as daemon:
        connection(host=daemon.url)
        works, words = HyperSDKHook().test_connection()
    assert works
    assert "is healthy: version 0.0.1" in words
    assert "govc, ovftool, web" in words
    works, words = HyperSDKHook().test_connection()
    assert (works, "cannot be reached" in words) == (False, True)
    assert HyperSDKHook("nowhere").test_connection()[0] is False


def test_what_airflow_asks_of_a_hook():
    """The attributes by which Airflow finds it."""
    hook = HyperSDKHook(hypersdk_conn_id="x")
    assert (hook.conn_name_attr, hook.conn_type, hook.default_conn_name) == (
        "hypersdk_conn_id",
        "hypersdk",
        "hypersdk_default",
    )
    assert hook.hypersdk_conn_id == "x"


def test_importing_the_export_side_is_cheap():
    """A DAG file is parsed every half minute: no HTTP library, no client, no database toolkit comes with it."""
    code = (
        "import airflow.sdk, airflow.triggers.base, sys; before = set(sys.modules);"
        "import airflow_provider_hypercarbon.operators.vm_export;"
        "new = set(sys.modules) - before;"
        "print([name for name in new if name.split('.')[0] in ('httpx', 'sqlalchemy', 'ssl', 'aiohttp', 'requests')"
        " or 'hypersdk.' in name])"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip().splitlines()[-1] == "['airflow_provider_hypercarbon.hooks.hypersdk']" or (
        run.stdout.strip().splitlines()[-1] == "[]"
    )
