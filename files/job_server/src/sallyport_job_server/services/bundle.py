"""All services together, built once from the settings."""

from __future__ import annotations

from dataclasses import dataclass

from argon2 import PasswordHasher

from sallyport_common import tokens
from sallyport_common.errors import SettingsError
from sallyport_common.throttle import Throttle
from sallyport_job_server.relays import Webhook, webhooks
from sallyport_job_server.services.access_tokens import AccessTokens
from sallyport_job_server.services.accounts import Accounts
from sallyport_job_server.services.audit import Audit
from sallyport_job_server.services.backend_access import Backends
from sallyport_job_server.services.browsers import KnownBrowsers
from sallyport_job_server.services.chores import Chore, Chores
from sallyport_job_server.services.courier import Courier
from sallyport_job_server.services.device_logins import DeviceLogins
from sallyport_job_server.services.directory import Directory
from sallyport_job_server.services.hatch_tokens import HatchTokens
from sallyport_job_server.services.history import History
from sallyport_job_server.services.identities import Identities
from sallyport_job_server.services.job_queue import JobQueue
from sallyport_job_server.services.job_requests import JobRequests
from sallyport_job_server.services.lists import Lists
from sallyport_job_server.services.login_tokens import LoginTokens
from sallyport_job_server.services.messages import Messages
from sallyport_job_server.services.password_links import PasswordLinks
from sallyport_job_server.services.password_links import address as link_address
from sallyport_job_server.services.postbox import Postbox
from sallyport_job_server.services.releases import Releases
from sallyport_job_server.services.repositories import Repositories
from sallyport_job_server.services.second_factor import SecondFactor
from sallyport_job_server.services.senders import MailSender, WebhookSender
from sallyport_job_server.services.sessions import Sessions
from sallyport_job_server.services.signer import Signer
from sallyport_job_server.services.site_snapshots import SiteSnapshots
from sallyport_job_server.services.snapshots import Snapshots
from sallyport_job_server.services.tidying import Tidying
from sallyport_job_server.services.watcher import Watcher
from sallyport_job_server.settings import Settings
from sallyport_job_server.storage import users
from sallyport_job_server.storage.database import Database
from sallyport_job_server.storage.files import ReleaseStore

DAY = 86400
"""Seconds."""


@dataclass(frozen=True)
class Services:
    """What views and commands call; `url` is where people reach this site, without a last slash."""

    url: str
    database: Database
    watcher: Watcher
    second_factor: SecondFactor
    accounts: Accounts
    password_links: PasswordLinks
    identities: Identities
    sessions: Sessions
    access_tokens: AccessTokens
    device_logins: DeviceLogins
    login_tokens: LoginTokens
    hatch_tokens: HatchTokens
    backends: Backends
    directory: Directory
    history: History
    job_requests: JobRequests
    job_queue: JobQueue
    releases: Releases
    snapshots: Snapshots
    site_snapshots: SiteSnapshots
    audit: Audit
    lists: Lists
    tidying: Tidying
    chores: Chores
    messages: Messages
    courier: Courier


def build(settings: Settings, hasher: PasswordHasher | None = None) -> Services:
    """Build the services; tests pass a hasher that is fast."""
    database = Database(settings.database_url, settings.database_password, settings.ca_file)
    throttle = Throttle(users.Attempts(database))
    mail, hooks = _mail(settings), _hooks(settings)
    postbox = Postbox(mail is not None, hooks)
    second_factor = SecondFactor(database, throttle, settings.second_factor_roles, postbox)
    browsers = KnownBrowsers(settings.secret_key)
    accounts = Accounts(
        database, hasher or PasswordHasher(), throttle, browsers, second_factor, postbox
    )
    password_links = PasswordLinks(database, accounts, throttle, postbox)
    access_tokens = AccessTokens(database, second_factor)
    repositories = _repositories(settings)
    history = History(database)
    store = ReleaseStore(settings.release_storage)
    tidying = Tidying(database, settings.session_idle)
    site = settings.url.rstrip("/")
    return Services(
        url=site,
        database=database,
        watcher=Watcher(database),
        second_factor=second_factor,
        accounts=accounts,
        password_links=password_links,
        identities=Identities(database, settings.oidc, postbox),
        sessions=Sessions(database, settings.session_lifetime, settings.session_idle),
        access_tokens=access_tokens,
        device_logins=DeviceLogins(database, throttle, access_tokens),
        login_tokens=LoginTokens(
            database, settings.secret_key, settings.login_token_lifetime, throttle, postbox
        ),
        hatch_tokens=HatchTokens(database, settings.hatch_signing_key),
        backends=Backends(database),
        directory=Directory(database, repositories),
        history=history,
        job_requests=_job_requests(settings, database, repositories, history),
        job_queue=JobQueue(database, postbox),
        releases=Releases(database, store, postbox),
        snapshots=Snapshots(database, postbox),
        site_snapshots=SiteSnapshots(database, store),
        audit=Audit(database, postbox),
        lists=Lists(database),
        tidying=tidying,
        chores=Chores(database, {"tidy": Chore(DAY, tidying.run)}),
        messages=Messages(database, postbox),
        courier=Courier(
            database,
            site,
            lambda username: link_address(site, password_links.mailed(username)),
            mail,
            WebhookSender(hooks, settings.ca_file),
        ),
    )


def _job_requests(
    settings: Settings, database: Database, repositories: Repositories, history: History
) -> JobRequests:
    signer = Signer(settings.signing_key)
    return JobRequests(
        database,
        repositories,
        signer,
        history,
        settings.request_lifetime,
        tokens.new_request_identifier,
    )


def _repositories(settings: Settings) -> Repositories:
    return Repositories(
        settings.forges,
        settings.allowed_organisations,
        settings.ca_file,
        settings.git_timeout,
        settings.git_credentials,
        settings.action_organisation,
    )


def _mail(settings: Settings) -> MailSender | None:
    server = settings.mail_server
    if server is None:
        return None
    if not settings.mail_sender:
        raise SettingsError(["JOB_SERVER_MAIL_SENDER is not set"])
    if bool(server.username) != bool(settings.mail_password):
        raise SettingsError(
            ["JOB_SERVER_MAIL_PASSWORD_FILE belongs to a user name in JOB_SERVER_MAIL_SERVER"]
        )
    return MailSender(
        server, settings.mail_password, settings.mail_sender, settings.url, settings.ca_file
    )


def _hooks(settings: Settings) -> tuple[Webhook, ...]:
    return webhooks(settings.webhooks.reveal()) if settings.webhooks else ()
