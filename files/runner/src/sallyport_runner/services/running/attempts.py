"""What this process knows of the attempts of jobs, beside the store."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from sallyport_common.protocol import StatusCode
from sallyport_runner.models import ContainerStatus, JobRequest, Phase


class Seen(NamedTuple):
    """What the engine said about a container, and which stream of its events was open before that.

    There is no status where the container does not exist, or was only just started.
    """

    status: ContainerStatus | None
    stream: int = 0


class Prepared(NamedTuple):
    """What preparing a job found out."""

    image: str
    phase: Phase


@dataclass
class Attempt:
    """What this process knows of one attempt of a job; a restart finds all of it out again.

    `alive` says that the container of the present phase was seen running, `dead` that the engine
    told of its end, `end` holds what the engine said about it afterwards. `stream` was open when it
    was alive; `doubted` is the tick at which its end was first doubted; `gone` says that nobody
    knows how it ended, `repeated` that an earlier start may have left a container; `leaving` for
    what an operator has the job put back.
    """

    request: JobRequest | None = None
    prepared: Prepared | None = None
    unprepared: bool = False
    picked: float | None = None
    starting: bool = False
    alive: bool = False
    dead: bool = False
    end: Seen | None = None
    stream: int = 0
    doubted: float | None = None
    gone: bool = False
    repeated: bool = False
    leaving: StatusCode | None = None
