"""An Airflow connection to a HyperSDK daemon, and to the vCenter that it exports from."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from airflow.sdk import BaseHook

from airflow_provider_hypercarbon.exceptions import ConfigurationError, HyperCarbonError
from airflow_provider_hypercarbon.hooks.connections import afetch_connection, extra_of, fetch_connection

if TYPE_CHECKING:
    from collections.abc import Mapping

    from airflow.sdk import Connection

    from airflow_provider_hypercarbon.hypersdk.client import HyperSDKClient
    from airflow_provider_hypercarbon.hypersdk.models import VCenter

DEFAULT_PORT = 8080
EXAMPLE_CONNECTION = "hypersdk://hypersdk.example.com:8080"
EXAMPLE_VCENTER = "generic://user:password@vcenter.example.com"


class HyperSDKHook(BaseHook):
    """
    Reach a HyperSDK daemon through an Airflow connection of type ``hypersdk``.

    The connection holds: host (a name or a URL), port (8080), schema (``http`` or ``https``), password (an API key
    or a bearer token; a daemon as shipped needs none), and in extra ``auth`` (``api_key`` or ``bearer``),
    ``verify_tls`` (true) and ``ca_file`` (the authorities that the daemon's certificate is checked by).

    :param hypersdk_conn_id: id of the connection.
    """

    conn_name_attr = "hypersdk_conn_id"
    default_conn_name = "hypersdk_default"
    conn_type = "hypersdk"
    hook_name = "HyperSDK daemon"

    def __init__(self, hypersdk_conn_id: str = default_conn_name) -> None:
        super().__init__()
        self.hypersdk_conn_id = hypersdk_conn_id

    def get_conn(self) -> HyperSDKClient:
        """Return a client for the daemon."""
        connection = fetch_connection(self.hypersdk_conn_id, example=EXAMPLE_CONNECTION)
        return _client(connection, extra_of(connection))

    async def aget_conn(self) -> HyperSDKClient:
        """Return a client for the daemon, without blocking the event loop."""
        connection = await afetch_connection(self.hypersdk_conn_id, example=EXAMPLE_CONNECTION)
        return _client(connection, extra_of(connection))

    def vcenter(self, vcenter_conn_id: str) -> VCenter:
        """Return the vCenter of any connection that has a host, a login and a password.

        ``insecure`` in the connection's extra makes the daemon accept a certificate it cannot check.
        """
        from airflow.sdk.log import mask_secret
        from pydantic import ValidationError

        from airflow_provider_hypercarbon.hypersdk.models import VCenter

        connection = fetch_connection(vcenter_conn_id, example=EXAMPLE_VCENTER)
        if connection.password:
            mask_secret(connection.password)
        host = (connection.host or "").rpartition("://")[2].rstrip("/")
        try:
            return VCenter(
                server=f"{host}:{connection.port}" if connection.port else host,
                username=connection.login or "",
                password=connection.password or "",
                insecure=_flag(extra_of(connection), "insecure", default=False, conn_id=vcenter_conn_id),
            )
        except ValidationError as error:
            wrong = ", ".join(sorted({str(item["loc"][0]) for item in error.errors()}))
            raise ConfigurationError(
                f"Connection {vcenter_conn_id!r} is no vCenter: its {wrong} cannot be used. It needs a host, "
                "a login and a password."
            ) from None

    def test_connection(self) -> tuple[bool, str]:
        """Ask the daemon how it is."""
        try:
            client = self.get_conn()
            health, status, methods = client.health(), client.status(), client.capabilities()
        except HyperCarbonError as error:
            return False, str(error)
        return health == "healthy", (
            f"{client.name} is {health}: version {status.get('version')}, up {status.get('uptime')}, "
            f"{status.get('running_jobs')} running jobs. Export methods: {', '.join(sorted(methods))}."
        )


def _client(connection: Connection, extra: Mapping[str, Any]) -> HyperSDKClient:
    from airflow_provider_hypercarbon.hypersdk.client import HyperSDKClient

    auth = extra.get("auth") or "api_key"
    if auth not in ("api_key", "bearer"):
        raise ConfigurationError(
            f"Connection {connection.conn_id!r} has auth {auth!r} in its extra. It can be: api_key, bearer."
        )
    return HyperSDKClient(
        _base_url(connection),
        token=connection.password or None,
        auth=auth,
        verify=_verify(extra, connection.conn_id),
    )


def _verify(extra: Mapping[str, Any], conn_id: str) -> bool | str:
    """How to check the daemon's certificate: not at all, by the machine's authorities, or by a file of them."""
    from pathlib import Path

    verify = _flag(extra, "verify_tls", default=True, conn_id=conn_id)
    ca_file = str(extra.get("ca_file") or "").strip()
    if not verify or not ca_file:
        return verify
    if not Path(ca_file).is_file():
        raise ConfigurationError(
            f"Connection {conn_id!r} has ca_file {ca_file!r} in its extra, which is no file on this machine. Put the "
            "authority's certificate (PEM) there, on workers and triggerers alike."
        )
    return ca_file


def _base_url(connection: Connection) -> str:
    """The daemon's URL: a URL in the host field stands as it is, a bare name gets scheme and port."""
    host = (connection.host or "").strip().rstrip("/")
    scheme = connection.schema or "http"
    if "://" in host:
        scheme, _, rest = host.partition("://")
        port = connection.port
    else:
        rest = f"[{host}]" if host.count(":") > 1 and not host.startswith("[") else host
        port = connection.port or DEFAULT_PORT
    try:
        url = urlsplit(f"{scheme}://{rest}")
        has_port = url.port is not None
    except ValueError:
        url, has_port = urlsplit(""), False
    if scheme not in ("http", "https") or not url.hostname or url.username or url.query or url.fragment:
        raise ConfigurationError(
            f"Connection {connection.conn_id!r} does not say where the daemon is. Give it a host (a name, or a URL "
            "with http or https), and put a credential into the password."
        )
    netloc = url.netloc if has_port or not port else f"{url.netloc}:{port}"
    return f"{scheme}://{netloc}{url.path}"


def _flag(extra: Mapping[str, Any], key: str, *, default: bool, conn_id: str) -> bool:
    value = extra.get(key)
    if value is None or value == "":
        return default
    word = str(value).strip().lower()
    if word not in ("true", "false", "1", "0", "yes", "no"):
        raise ConfigurationError(f"Connection {conn_id!r} has {key} {value!r} in its extra. It can be: true, false.")
    return word in ("true", "1", "yes")
