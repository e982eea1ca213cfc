"""The bodies of `/api/v1`: read by the views and described by the OpenAPI page."""

from __future__ import annotations

from sallyport_job_server.views.bodies import Field, Fields, flag, optional_text, text, texts

TOKEN: Fields = {
    "username": text("the user's name"),
    "password": text("the password"),
    "totp": optional_text("the one-time code, where the account has them turned on"),
    "label": optional_text("what the token is for"),
}
USER: Fields = {
    "username": text("letters, digits, '.', '-' and '_'"),
    "fullname": text("the name that others see"),
    "email": optional_text("the mail address"),
    "password": text("at least 12 characters"),
    "roles": texts("output_checker, publication_approver, admin", required=False),
}
PROJECT: Fields = {
    "slug": text("short name: letters, digits, '-' and '_'"),
    "name": text("the project's title"),
}
MEMBER: Fields = {
    "username": text("whose roles are set"),
    "roles": texts("researcher, collaborator; an empty list ends the membership"),
}
WORKSPACE: Fields = {
    "name": text("letters, digits, '-' and '_'"),
    "project": text("the project's slug"),
    "repo": text("the repository in its public form, https://github.com/ORGANISATION/NAME"),
    "branch": text("the branch that is run"),
}
BACKEND_MEMBER: Fields = {"username": text("who may use the backend")}
HATCH_TOKEN: Fields = {"backend": text("the backend's slug")}
JOB_REQUEST: Fields = {
    "workspace": text("the workspace's name"),
    "backend": text("the backend's slug"),
    "requested_actions": texts("names of actions of project.yaml, or run_all"),
    "force_run_dependencies": flag("run what the actions need again, also if it succeeded before"),
    "branch": optional_text("another branch of the workspace's repository"),
}
CANCEL: Fields = {
    "actions": Field(list, "actions to stop; all when left out", required=False),
}
