"""What the engine says about a container, without the values that nobody should read later."""

from __future__ import annotations

import copy
from typing import Any

PUBLIC = frozenset({
    "PATH", "LANG", "LC_ALL", "TZ", "container", "PYTHONPATH", "PYTHON_VERSION",
    "PYTHONUNBUFFERED", "PYENV_SHELL", "PYENV_VERSION", "DEBIAN_FRONTEND",
    "DEBCONF_NONINTERACTIVE_SEEN", "UBUNTU_VERSION", "OPENSAFELY_BACKEND", "TEMP_DATABASE_NAME",
    "EHRQL_PERMISSIONS",
})  # fmt: skip
"""Variables whose values OpenSAFELY's task API may be told."""
SAFE = PUBLIC | {"DATABASE_URL_FILE", "HOME", "USER", "LOGNAME", "OMP_NUM_THREADS"}
VERSIONS = {
    "action_version": "org.opencontainers.image.version",
    "action_revision": "org.opencontainers.image.revision",
    "action_created": "org.opencontainers.image.created",
    "base_revision": "org.opensafely.base.vcs-ref",
    "base_created": "org.opencontainers.base.build-date",
}


def variable(text: str, safe: frozenset[str] = SAFE) -> str:
    """Return a variable of an environment, without its value unless that is safe."""
    name = text.partition("=")[0]
    return text if name in safe else f"{name}=xxxx-REDACTED"


def redacted(container: dict[str, Any]) -> dict[str, Any]:
    """Return a copy in which only harmless variables keep their values.

    The seccomp profile is ours and long: it is named, not repeated.
    """
    made = copy.deepcopy(container)
    configuration = made.get("Config", {})
    configuration["Env"] = [variable(text) for text in configuration.get("Env") or []]
    options = made.get("HostConfig", {}).get("SecurityOpt") or []
    if options:
        made["HostConfig"]["SecurityOpt"] = [
            "seccomp=sallyport" if option.startswith("seccomp=") else option for option in options
        ]
    return made


def versions(container: dict[str, Any]) -> dict[str, str]:
    """Return the versions that an image's labels tell; `unknown` where they are silent."""
    labels = container.get("Config", {}).get("Labels") or {}
    return {key: labels.get(label, "unknown") for key, label in VERSIONS.items()}
