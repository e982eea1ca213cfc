"""All services of the hatch, wired together from its settings."""

from __future__ import annotations

from dataclasses import dataclass

from prometheus_client import Gauge

from sallyport_common import http
from sallyport_release_hatch.services.access import Access, Limits
from sallyport_release_hatch.services.events import send_due
from sallyport_release_hatch.services.handover import Handover
from sallyport_release_hatch.services.job_server import HttpJobServer, JobServer
from sallyport_release_hatch.services.requesting import Requesting
from sallyport_release_hatch.services.reviewing import Reviewing
from sallyport_release_hatch.services.tokens import TokenReader
from sallyport_release_hatch.services.viewing import Viewing
from sallyport_release_hatch.settings import Settings
from sallyport_release_hatch.storage.database import Database
from sallyport_release_hatch.storage.frozen import ApprovedTree, FrozenFiles
from sallyport_release_hatch.storage.workspaces import Workspaces

EVENTS = Gauge("release_hatch_events_waiting", "Notifications that the job server lacks")
REQUESTS = Gauge("release_hatch_requests", "Release requests", ["state"])
USER_AGENT = "sallyport-release-hatch"


@dataclass(frozen=True)
class Hatch:
    """What views and background work with."""

    settings: Settings
    database: Database
    workspaces: Workspaces
    job_server: JobServer
    access: Access
    tokens: TokenReader
    viewing: Viewing
    requesting: Requesting
    reviewing: Reviewing
    handover: Handover

    def step(self) -> None:
        """Do what is due besides answering: hand approved requests over, send notifications."""
        self.handover.hand_over_all()
        send_due(self.database, self.job_server)
        with self.database.read() as transaction:
            EVENTS.set(transaction.events.waiting())
            for state, number in transaction.requests.counts().items():
                REQUESTS.labels(state).set(number)

    def close(self) -> None:
        """Let go of the database."""
        self.database.close()


def build(settings: Settings) -> Hatch:
    """Wire the services together."""
    database = Database(settings.database_url)
    workspaces = Workspaces(settings.workspaces)
    frozen = FrozenFiles(settings.frozen_files)
    client = http.session(settings.ca_file, (3, 10), USER_AGENT)
    job_server = HttpJobServer(client, settings.job_server_url, settings.job_server_token.reveal())
    limits = Limits(
        lifetime=settings.session_lifetime,
        idle=settings.session_idle,
        authorise=settings.authorise_interval,
        grace=settings.authorise_grace,
    )
    tree = ApprovedTree(settings.approved_files)
    policy = settings.output_policy
    return Hatch(
        settings=settings,
        database=database,
        workspaces=workspaces,
        job_server=job_server,
        access=Access(database, job_server, limits),
        tokens=TokenReader(settings.signing_key.reveal(), settings.url),
        viewing=Viewing(database, workspaces, frozen),
        requesting=Requesting(database, workspaces, frozen, policy),
        reviewing=Reviewing(database, frozen, policy),
        handover=Handover(database, frozen, tree, policy, settings.backend),
    )
