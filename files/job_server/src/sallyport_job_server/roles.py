"""Roles of people, what each may do, and the names that the classic API gives them."""

from __future__ import annotations

import enum
from collections.abc import Iterable, Mapping


class Role(enum.StrEnum):
    """The roles of people."""

    RESEARCHER = "researcher"
    COLLABORATOR = "collaborator"
    OUTPUT_CHECKER = "output_checker"
    PUBLICATION_APPROVER = "publication_approver"
    ADMIN = "admin"


PROJECT_ROLES = (Role.RESEARCHER, Role.COLLABORATOR)
GLOBAL_ROLES = (Role.OUTPUT_CHECKER, Role.PUBLICATION_APPROVER, Role.ADMIN)


class Permission(enum.StrEnum):
    """What a role allows, under the classic API's names."""

    JOB_RUN = "job_run"
    JOB_CANCEL = "job_cancel"
    PROJECT_MANAGE = "project_manage"
    PROJECT_CREATE = "project_create"
    RELEASE_FILE_VIEW = "release_file_view"
    RELEASE_FILE_UPLOAD = "release_file_upload"
    RELEASE_FILE_DELETE = "release_file_delete"
    SNAPSHOT_CREATE = "snapshot_create"
    SNAPSHOT_PUBLISH = "snapshot_publish"
    UNRELEASED_OUTPUTS_VIEW = "unreleased_outputs_view"
    WORKSPACE_CREATE = "workspace_create"
    WORKSPACE_ARCHIVE = "workspace_archive"
    STAFF_AREA_ACCESS = "staff_area_access"
    BACKEND_MANAGE = "backend_manage"
    USER_MANAGE = "user_manage"


_P = Permission
GRANTS: Mapping[Role, frozenset[Permission]] = {
    Role.RESEARCHER: frozenset(
        {
            _P.JOB_RUN,
            _P.JOB_CANCEL,
            _P.RELEASE_FILE_VIEW,
            _P.SNAPSHOT_CREATE,
            _P.UNRELEASED_OUTPUTS_VIEW,
            _P.WORKSPACE_CREATE,
            _P.WORKSPACE_ARCHIVE,
        }
    ),
    Role.COLLABORATOR: frozenset({_P.RELEASE_FILE_VIEW}),
    Role.OUTPUT_CHECKER: frozenset(
        {
            _P.RELEASE_FILE_UPLOAD,
            _P.RELEASE_FILE_VIEW,
            _P.RELEASE_FILE_DELETE,
            _P.UNRELEASED_OUTPUTS_VIEW,
        }
    ),
    Role.PUBLICATION_APPROVER: frozenset({_P.SNAPSHOT_PUBLISH, _P.RELEASE_FILE_VIEW}),
    Role.ADMIN: frozenset(
        {
            _P.STAFF_AREA_ACCESS,
            _P.BACKEND_MANAGE,
            _P.USER_MANAGE,
            _P.PROJECT_CREATE,
            _P.PROJECT_MANAGE,
            _P.WORKSPACE_CREATE,
            _P.WORKSPACE_ARCHIVE,
            _P.JOB_CANCEL,
        }
    ),
}

CLASSIC_NAMES: Mapping[Role, str] = {
    Role.RESEARCHER: "ProjectDeveloper",
    Role.COLLABORATOR: "ProjectCollaborator",
    Role.OUTPUT_CHECKER: "OutputChecker",
    Role.PUBLICATION_APPROVER: "OutputPublisher",
    Role.ADMIN: "StaffAreaAdministrator",
}


def permissions_of(roles: Iterable[str]) -> frozenset[Permission]:
    """Return everything that a set of roles allows; a name that is not a role allows nothing."""
    known = {str(role) for role in Role}
    return frozenset().union(*(GRANTS[Role(name)] for name in roles if name in known))


def classic(roles: Iterable[str]) -> list[str]:
    """Return the classic API's names of roles."""
    return [CLASSIC_NAMES[Role(name)] for name in roles]
