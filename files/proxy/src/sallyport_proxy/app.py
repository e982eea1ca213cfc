"""Puts the proxy together."""

from __future__ import annotations

import os

from flask import Flask
from sqlalchemy.exc import SQLAlchemyError

from sallyport_common import health
from sallyport_common.versions import package_version
from sallyport_proxy.services.archives import Archives
from sallyport_proxy.services.gate import Gate
from sallyport_proxy.services.git_backend import GitBackend
from sallyport_proxy.services.images import Blobs, Manifests
from sallyport_proxy.services.keeper import Keeper
from sallyport_proxy.services.keyed_locks import KeyedLocks
from sallyport_proxy.services.mirrors import Mirrors
from sallyport_proxy.services.policy_store import PolicyStore
from sallyport_proxy.services.recorder import Recorder
from sallyport_proxy.services.registry_client import RegistryClient
from sallyport_proxy.services.upstream import Upstream
from sallyport_proxy.settings import Settings
from sallyport_proxy.storage.content import ContentStore
from sallyport_proxy.storage.decisions import DecisionLog
from sallyport_proxy.views import gate as view


def create_app(settings: Settings) -> Flask:
    """Build the application; raise SettingsError where the policy is not usable."""
    app = Flask(__name__, static_folder=None)
    upstream = Upstream(settings.ca_file, settings.upstream_timeout, settings.transfer_timeout)
    store = ContentStore(settings.cache_directory, settings.cache_bytes)
    keeper = Keeper(upstream, store, KeyedLocks(settings.transfer_timeout))
    client = RegistryClient(upstream, settings.secrets_directory)
    app.extensions["gate"] = Gate(
        PolicyStore(settings.policy, settings.secrets_directory, settings.policy_interval),
        _mirrors(settings),
        GitBackend(settings.git_timeout),
        Manifests(client, upstream, store, settings.tag_lifetime),
        Blobs(client, keeper),
        Archives(upstream, keeper),
    )
    log = DecisionLog(settings.state_directory / "decisions", settings.log_rows, settings.log_files)
    recorder = Recorder(log)
    app.extensions |= {"recorder": recorder, "decision_log": log}
    app.extensions["cache_root"] = settings.cache_directory
    checks = {"cache": lambda: _writable(settings), "decision_log": recorder.flush}
    version = package_version("sallyport-proxy")
    app.register_blueprint(health.blueprint("proxy", version, checks))
    app.before_request(view.answer_request)
    app.register_error_handler(SQLAlchemyError, view.log_broken)
    return app


def _mirrors(settings: Settings) -> Mirrors:
    return Mirrors(
        settings.state_directory / "mirrors",
        settings.secrets_directory,
        settings.ca_file,
        settings.git_timeout,
    )


def _writable(settings: Settings) -> None:
    for folder in (settings.cache_directory, settings.state_directory):
        if not os.access(folder, os.W_OK):
            raise PermissionError(folder)
