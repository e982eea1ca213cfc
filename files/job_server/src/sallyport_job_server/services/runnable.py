"""Whether a backend can run the actions of a request, as far as it says what it has."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from sallyport_common.closed_git import GitError
from sallyport_job_server.models import Backend
from sallyport_job_server.services.repositories import Repositories
from sallyport_study import Action
from sallyport_study.reusable import commands

log = logging.getLogger(__name__)


def check(backend: Backend, actions: Sequence[Action], repositories: Repositories) -> None:
    """Raise ProjectError for images that a backend lacks and for faulty reusable actions.

    The runner looks again when the request arrives, and what it finds counts. So a backend that
    says nothing, actions of another organisation than ours, and a forge that does not answer now
    are left to it.
    """
    catalogue = backend.images
    if catalogue is None:
        return
    home, branch = backend.actions
    if not home:
        commands(actions, catalogue, None)
        return
    with repositories.actions(home, branch) as source:
        if source is None:
            actions = [action for action in actions if action.image in catalogue]
        try:
            commands(actions, catalogue, source)
        except GitError as error:
            log.warning("reusable actions are not checked: %s", error)
