"""Files that are there whole or not at all."""

from __future__ import annotations

from pathlib import Path

from airflow_provider_hypercarbon.exceptions import ConfigurationError


def write_file(path: Path, content: bytes) -> None:
    """Write a file whole or not at all.

    :raises ConfigurationError: the folder is not there, or not writable.
    """
    part = path.with_name(f".{path.name}.part")
    try:
        part.write_bytes(content)
        part.replace(path)
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be written: {error.strerror or error}.") from error
