"""Reusable actions: what an action runs whose first word names a repository, not an image.

The rules are those of OpenSAFELY's reusable actions: the tag's commit is on the main branch of the
repository, `action.yaml` has a `run` on an image of the backend, and its words replace
the study's first word. Neither of the two can make a database command, alone or together.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

from sallyport_common.errors import SallyportError
from sallyport_common.strict_yaml import Finding
from sallyport_study import images, places
from sallyport_study.action_file import FILE, ActionFileError, read_run
from sallyport_study.catalogue import Catalogue
from sallyport_study.errors import ProjectError, cut, listed, suggestion
from sallyport_study.places import InvalidNameError, Repository
from sallyport_study.project import Action

MOST_TAGS = 10
_TAG_LINE = re.compile(r"([0-9a-f]{40})\trefs/tags/([^\s^]+)(\^\{\})?")
_NUMBERS = re.compile(r"\d+")


@dataclass(frozen=True)
class Home:
    """The organisation on a forge whose repositories are reusable actions."""

    forge: str
    owner: str

    @classmethod
    def parse(cls, text: str) -> Home:
        """Read `FORGE/ORGANISATION`; raise ValueError."""
        try:
            repository = Repository.parse(f"https://{text}/name")
        except InvalidNameError:
            raise ValueError("expected a forge and an organisation, as github.com/org") from None
        return cls(repository.forge, repository.owner)

    def __str__(self) -> str:
        """Return both as they are written."""
        return f"{self.forge}/{self.owner}"

    def repository(self, name: str) -> Repository:
        """Return the repository of an action; raise InvalidNameError."""
        return Repository.parse(f"https://{self}/{name}")


class NoSuchActionError(SallyportError):
    """There is no repository of this name."""


class NotMergedError(SallyportError):
    """The commit is not on the branch that actions run from."""


class NoActionFileError(SallyportError):
    """The commit has no action.yaml."""


class UnreadableError(SallyportError):
    """The repository cannot be read; the text says why, in a whole sentence."""


class ActionSource(Protocol):
    """Where repositories of actions are read."""

    @property
    def home(self) -> Home:
        """The organisation."""

    @property
    def branch(self) -> str:
        """The branch that the commits of tags have to be on."""

    def tags(self, repository: Repository) -> Mapping[str, str]:
        """Return the commit of each tag; raise NoSuchActionError or UnreadableError."""

    def read(self, repository: Repository, commit: str) -> bytes:
        """Return the action.yaml of a commit that is on the branch.

        Raises NotMergedError, NoActionFileError or UnreadableError.
        """


@dataclass(frozen=True, kw_only=True)
class Origin:
    """The code of a reusable action: the URL of its repository, the tag and its commit."""

    repo: str
    tag: str
    commit: str


@dataclass(frozen=True, kw_only=True)
class Command:
    """What the container of an action runs; the first word is `name:tag` of an image.

    `origin` is None where it is the study's own code.
    """

    words: tuple[str, ...]
    requires_db: bool
    origin: Origin | None = None

    @property
    def run_command(self) -> str:
        """The command as people are shown it, quoted by shell rules."""
        return shlex.join(self.words)


def commits_of_tags(listing: bytes) -> dict[str, str]:
    """Return the commit of each tag in what `git ls-remote --tags` prints.

    An annotated tag has two lines; the one with `^{}` names the commit.
    """
    found: dict[str, str] = {}
    for commit, tag, peeled in _TAG_LINE.findall(listing.decode("utf-8", "replace")):
        if peeled or tag not in found:
            found[tag] = commit
    return found


def commands(
    actions: Iterable[Action], catalogue: Catalogue, source: ActionSource | None
) -> dict[str, Command]:
    """Return what each action runs, by name; raise ProjectError with a sentence for each fault.

    Without a source there are no reusable actions.
    """
    resolver = _Resolver(catalogue, source)
    found: dict[str, Command] = {}
    problems: list[str] = []
    for action in actions:
        try:
            found[action.name] = resolver.command(action)
        except _Refused as refused:
            problems += refused.sentences
    if problems:
        raise ProjectError(problems)
    return found


class _Refused(Exception):
    """An action cannot be run; `sentences` say why."""

    def __init__(self, action: Action, *ends: str) -> None:
        super().__init__(ends)
        word = cut(action.words[0])
        self.sentences = [f"The action '{action.name}' uses '{word}', {end}" for end in ends]


class _Resolver:
    """Looks each reusable action up once, however many actions of the study use it."""

    def __init__(self, catalogue: Catalogue, source: ActionSource | None) -> None:
        self._catalogue, self._source = catalogue, source
        self._known: dict[str, _Definition] = {}

    def command(self, action: Action) -> Command:
        """Return what an action runs; raise _Refused."""
        if action.image in self._catalogue:
            if problem := self._catalogue.tag_problem(action.words[0]):
                raise _Refused(action, problem)
            return Command(
                words=tuple(action.words),
                requires_db=self._catalogue.queries_database(action.words),
            )
        if self._source is None:
            refused = _Refused(action)
            names = self._catalogue.names
            refused.sentences = [images.unknown_image(action.name, action.words[0], names)]
            raise refused
        definition = self._definition(action, self._source)
        words = (*definition.words, *action.arguments)
        if self._catalogue.queries_database(words):
            raise _Refused(action, _database(words))
        return Command(words=words, requires_db=False, origin=definition.origin)

    def _definition(self, action: Action, source: ActionSource) -> _Definition:
        word = action.words[0]
        if word not in self._known:
            self._known[word] = _Lookup(action, source, self._catalogue).definition()
        return self._known[word]


@dataclass(frozen=True)
class _Definition:
    words: tuple[str, ...]
    origin: Origin


class _Lookup:
    """One look at the repository of a reusable action."""

    def __init__(self, action: Action, source: ActionSource, catalogue: Catalogue) -> None:
        self._action, self._source, self._catalogue = action, source, catalogue

    @cached_property
    def _repository(self) -> Repository:
        return self._source.home.repository(self._action.image)

    def definition(self) -> _Definition:
        """Return words and origin; raise _Refused."""
        action, source = self._action, self._source
        try:
            tags = source.tags(self._repository)
            commit = self._commit(tags)
            content = source.read(self._repository, commit)
            words = read_run(content, self._catalogue)
        except (NoSuchActionError, InvalidNameError):
            raise _Refused(action, self._unknown()) from None
        except NotMergedError:
            raise _Refused(action, self._not_merged()) from None
        except NoActionFileError:
            text = f"but {self._repository.url} has no {FILE} at this tag, so nothing can run."
            raise _Refused(action, text) from None
        except UnreadableError as error:
            text = f"but {self._repository.url} could not be read. {error}"
            raise _Refused(action, text) from None
        except ActionFileError as error:
            raise _Refused(action, *map(_in_file, error.findings)) from None
        origin = Origin(repo=self._repository.url, tag=action.tag, commit=commit)
        return _Definition(tuple(words), origin)

    def _commit(self, tags: Mapping[str, str]) -> str:
        tag = self._action.tag
        if tag not in tags:
            name = self._action.image
            newest = sorted(tags, key=_version, reverse=True)
            more = [f"{len(newest) - MOST_TAGS} more"] if newest[MOST_TAGS:] else []
            have = f" It has {listed([*newest[:MOST_TAGS], *more])}." if newest else " It has none."
            text = f"but the reusable action '{name}' has no such tag{suggestion(tag, tags)}{have}"
            raise _Refused(self._action, text)
        return places.check_commit(tags[tag])

    def _unknown(self) -> str:
        names = self._catalogue.names
        near = suggestion(self._action.image, names)
        return (
            f"which is neither an image of this backend nor a reusable action in "
            f"{self._source.home}{near} The images are {', '.join(names)}."
        )

    def _not_merged(self) -> str:
        return (
            f"but the commit of this tag is not on the branch '{self._source.branch}' of "
            f"{self._repository.url}; only reviewed code, which was merged there, may run. Use "
            "another tag."
        )


def _in_file(finding: Finding) -> str:
    where = f"line {finding.line}, column {finding.column}: " if finding.line else ""
    return f"whose {FILE} cannot be used: {where}{finding.text}"


def _database(words: Iterable[str]) -> str:
    begin = cut(shlex.join(list(words)[:2]))
    return (
        f"which would run '{begin}' and so query the database; a reusable action may not. Extract "
        "the data in an action of the study, and name it under 'needs'."
    )


def _version(tag: str) -> tuple[list[int], str]:
    return [int(number[:9]) for number in _NUMBERS.findall(tag)], tag
