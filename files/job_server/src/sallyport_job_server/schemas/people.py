"""Bodies and answers of `/api/v1`, which people's tools call."""

from __future__ import annotations

import re
from typing import Annotated

from msgspec import Meta, field

from sallyport_common.schemas import form
from sallyport_job_server.roles import GLOBAL_ROLES, PROJECT_ROLES
from sallyport_job_server.schemas import Answer, Body
from sallyport_job_server.schemas.jobs import Job
from sallyport_study import places

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,99}")
WORKSPACE = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_-]{0,99}")
URL = re.compile(rf"https://{places.FORGE.pattern}/{places.OWNER.pattern}/{places.NAME.pattern}/?")
_REFERENCE = r"\x00-\x20\x7f~^:?*\[\\"
_NOT_INSIDE = r"(?!HEAD$)(?!.*(?:\.\.|//|@\{|/\.|\.lock(?:/|$)))"
BRANCH = re.compile(
    rf"{_NOT_INSIDE}[^{_REFERENCE}/.-](?:[^{_REFERENCE}]{{0,242}}[^{_REFERENCE}/.])?"
)
"""Names of branches that git takes; whether one is too long in bytes is judged later."""
USERNAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
VISIBLE = "[^\\x00-\\x20\\x7f-\\xa0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000]"
"""A character that is neither a space nor a control character."""

BackendSlug = Annotated[str, Meta(description="the backend's slug")]
Username = Annotated[str, Meta(description="the name of an account")]
Title = Annotated[
    str, Meta(max_length=200, pattern=VISIBLE, description="1 to 200 characters, not only spaces")
]
ProjectRole = Annotated[str, form(re.compile("|".join(PROJECT_ROLES)), ", ".join(PROJECT_ROLES))]
GlobalRole = Annotated[str, form(re.compile("|".join(GLOBAL_ROLES)), ", ".join(GLOBAL_ROLES))]
ProjectRoles = Annotated[
    list[ProjectRole],
    Meta(description=f"{', '.join(PROJECT_ROLES)}; an empty list ends the membership"),
]


class TokenBody(Body):
    """The account that a new access token is for."""

    username: Username
    password: Annotated[str, Meta(description="the password")]
    totp: Annotated[
        str, Meta(description="the one-time code, if the account has them turned on")
    ] = ""
    label: Annotated[str, Meta(description="what the token is for")] = ""
    scope: Annotated[
        str, Meta(description="read, run (reads too) or all, which is what the account may")
    ] = "all"
    project: Annotated[str, Meta(description="the slug of the only project it is for")] = ""
    days: Annotated[int, Meta(description="for how many days it is valid, from 1 to 365")] = 90


class DeviceBody(Body):
    """A command that wants to be let in."""

    label: Annotated[
        str,
        Meta(max_length=100, pattern=VISIBLE, description="what it is and where it runs"),
    ]


class DeviceSecretBody(Body):
    """A command that asks whether it was let in."""

    secret: Annotated[str, Meta(description="what it was given when it began")]


class UserBody(Body):
    """A new account."""

    username: Annotated[str, form(USERNAME, "1 to 100 letters, digits, '.', '-' and '_'")]
    fullname: Title
    password: Annotated[
        str,
        Meta(
            pattern=r"^([\s\S]{12,})?$",
            description="at least 12 characters; without one the answer has an invitation",
        ),
    ] = ""
    email: Annotated[
        str,
        Meta(
            max_length=200,
            pattern=r"^([!#-+\--9=?A-~\u00a1-\u024f]+@[!#-+\--9=?A-~\u00a1-\u024f]+)?$",
            description="a mail address such as name@example.org, or nothing",
        ),
    ] = ""
    roles: Annotated[list[GlobalRole], Meta(description=", ".join(GLOBAL_ROLES))] = field(
        default_factory=list
    )


class ProjectBody(Body):
    """A new project."""

    slug: Annotated[str, form(NAME, "a short name: letters, digits, '-' and '_'")]
    name: Title


class MemberBody(Body):
    """A person's roles in a project."""

    username: Username
    roles: ProjectRoles


class WorkspaceBody(Body):
    """A new workspace."""

    name: Annotated[str, form(WORKSPACE, "1 to 100 letters, digits, '-' and '_'")]
    project: Annotated[str, Meta(description="the project's slug")]
    repo: Annotated[
        str,
        form(URL, "the public URL of a repository, https://github.com/ORGANISATION/NAME"),
    ]
    branch: Annotated[
        str,
        form(BRANCH, r"a branch that git takes: without spaces, .., @{ or any of ~ ^ : ? * [ \\"),
    ]


class BackendMemberBody(Body):
    """A person who may use a backend."""

    username: Username


class HatchTokenBody(Body):
    """The backend whose hatch a token is for."""

    backend: BackendSlug


class JobRequestBody(Body):
    """A new job request."""

    workspace: Annotated[str, Meta(description="the workspace's name")]
    backend: BackendSlug
    requested_actions: Annotated[
        list[str],
        Meta(min_length=1, description="a list of at least one action of project.yaml, or run_all"),
    ]
    force_run_dependencies: Annotated[
        bool,
        Meta(description="true to run what the actions need again, even if it succeeded before"),
    ] = False
    branch: Annotated[str, Meta(description="another branch of the workspace's repository")] = ""
    note: Annotated[str, Meta(description="what this is for, at most 500 characters")] = ""


class CancelBody(Body):
    """What to cancel of a job request."""

    actions: Annotated[list[str] | None, Meta(description="names of actions; all if left out")] = (
        None
    )


class Device(Answer):
    """A log-in that has begun; a person types `code` at `url`."""

    secret: str
    code: str
    url: str
    expires_at: str
    pause: Annotated[int, Meta(description="seconds between two questions")]


class DeviceToken(Answer):
    """Whether somebody has let the command in; `username` and `token` are null until then."""

    username: str | None
    token: str | None


class Token(Answer):
    """A new access token, shown this once."""

    token: str


class User(Answer):
    """An account; `invitation` is where the person sets a password, null if one was given."""

    username: str
    fullname: str
    roles: list[str]
    invitation: str | None


class Project(Answer):
    """A project."""

    slug: str
    name: str


class Member(Answer):
    """A person's roles in a project."""

    project: str
    username: str
    roles: list[str]


class BackendMember(Answer):
    """A person who may use a backend."""

    backend: str
    username: str


class Workspace(Answer):
    """A workspace."""

    name: str
    project: str
    repo: str
    branch: str
    archived: bool
    created_by: str
    created_at: str


class File(Answer):
    """A released file; `url` has its bytes."""

    id: str
    name: str
    sha256: str
    size: int
    url: str


class Release(Answer):
    """A release with the files that were uploaded and not removed."""

    id: str
    created_at: str
    created_by: str
    backend: str
    files: list[File]


class Backend(Answer):
    """A backend; `member` says whether the caller may use it."""

    slug: str
    name: str
    hatch_url: str
    is_active: bool
    last_seen_at: str | None
    member: bool


class JobRequest(Answer):
    """A job request with its jobs; `final` says whether all of them have ended.

    `problem` says in lines why it could not be run, and is empty for any other request.
    """

    identifier: str
    workspace: str
    backend: str
    branch: str
    sha: str
    requested_actions: list[str]
    cancelled_actions: list[str]
    force_run_dependencies: bool
    note: str
    created_by: str
    created_at: str
    url: str
    status: str
    final: bool
    problem: str
    jobs: list[Job]


class SubmittedRequest(JobRequest):
    """A new job request, with what the author of its project.yaml should look at."""

    warnings: list[str]


class HatchToken(Answer):
    """A token for reading one workspace at a hatch."""

    url: str
    token: str
    expires_at: str


class LoginToken(Answer):
    """A one-use log-in for the hatch."""

    token: str
    expires_at: str
