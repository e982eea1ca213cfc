"""What a local run does for each action: command, image, and the code that it works on."""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from sallyport_runner.local.engine import LocalExecutor
from sallyport_runner.local.faults import LocalError
from sallyport_runner.local.folder import Folder
from sallyport_runner.local.report import Progress
from sallyport_runner.models import Image
from sallyport_study import Action, Project
from sallyport_study.local_actions import LocalActions, OfflineError
from sallyport_study.places import Repository
from sallyport_study.reusable import Command, Origin, commands
from sallyport_study.site import Site


@dataclass(frozen=True, kw_only=True)
class Task:
    """An action that may run: `code` is the folder with its code, `digest` decides about it."""

    action: Action
    command: Command
    image: Image
    code: Path
    digest: str

    def fingerprint(self, inputs: Mapping[str, str]) -> str:
        """Return a digest of all that decides what it writes; `inputs` has their digests."""
        patterns = {pattern: level.value for pattern, level in self.action.patterns.items()}
        parts = [self.command.words, patterns, self.image.reference, self.digest, dict(inputs)]
        return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


class Tasks:
    """Makes tasks from actions; call its methods in the order in which they are written here."""

    def __init__(self, folder: Folder, site: Site, progress: Progress) -> None:
        self._folder, self._site, self._progress = folder, site, progress
        kept = folder.kept / "actions"
        self._source = LocalActions(site, kept, progress.say) if site.actions else None

    def commands(self, actions: Sequence[Action]) -> dict[str, Command]:
        """Return what each action runs; raise ProjectError, or LocalError without a network."""
        if any(action.image not in self._site.images for action in actions) and self._source:
            self._folder.make()
        try:
            return commands(actions, self._site.images, self._source)
        except OfflineError as error:
            raise LocalError(str(error)) from error

    def images(self, executor: LocalExecutor, found: Mapping[str, Command]) -> dict[str, Image]:
        """Return the images by `name:tag`; raise LocalError for those that cannot be pulled."""
        images, problems = {}, []
        for name in dict.fromkeys(command.words[0] for command in found.values()):
            try:
                images[name] = executor.fetch(name, self._pulling)
            except LocalError as error:
                problems.append(str(error))
        if problems:
            raise LocalError("\n".join(problems))
        return images

    def _pulling(self, reference: str) -> None:
        self._progress.say(f"pulling {reference}")

    def make(
        self, project: Project, found: Mapping[str, Command], images: Mapping[str, Image]
    ) -> dict[str, Task]:
        """Return the tasks by action, their code as it is now."""
        own = self._folder.take_code(p for a in project.actions.values() for p in a.patterns)
        return {
            name: Task(
                action=project.actions[name],
                command=command,
                image=images[command.words[0]],
                code=self._code(command.origin),
                digest=command.origin.commit if command.origin else own,
            )
            for name, command in found.items()
        }

    def _code(self, origin: Origin | None) -> Path:
        """Return the folder with the code of the study, or with that of a reusable action."""
        if origin is None or self._source is None:
            return self._folder.code
        target = self._folder.reused / origin.commit
        with contextlib.suppress(FileExistsError):
            self._source.check_out(Repository.parse(origin.repo), origin.commit, target)
        return target
