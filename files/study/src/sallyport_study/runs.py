"""Reads the `run` of an action."""

from __future__ import annotations

from functools import lru_cache

from sallyport_study import images, places
from sallyport_study.document import Part, Report
from sallyport_study.errors import cut, nearest, quoted
from sallyport_study.keys import invisible
from sallyport_study.shell import shell_syntax, smart_quotes

EXAMPLE = "as in 'run: python:v2 analysis/a.py'"


class RunReader:
    """Checks what an action runs; `version` is None where the file's own could not be read."""

    def __init__(self, version: float | None, report: Report) -> None:
        self._version, self._report = version, report

    def read(self, name: str, action: Part, part: Part | None) -> tuple[Part | None, list[str]]:
        """Return the part with the `run`, and its words; None and none if it is not text."""
        if part is None or part.empty or (part.string is not None and not part.string.strip()):
            missing = "has no 'run'" if part is None else "has a 'run' without a command"
            self._report.problem(
                action if part is None else part,
                f"The action '{name}' {missing}: name an image and a command, {EXAMPLE}.",
            )
            return None, []
        run = part.string
        if run is None:
            self._report.problem(
                part,
                f"The 'run' of the action '{name}' must be one line of text, {EXAMPLE}, not "
                f"{part.shown}.",
            )
            return None, []
        try:
            words = images.split_run(run)
        except ValueError:
            text = f"The 'run' of the action '{name}' has a quotation mark without its partner."
            self._report.problem(part, text)
            return part, []
        self._check_image(name, part, words)
        self._warn(name, part, run, words)
        return part, words

    def _check_image(self, name: str, part: Part, words: list[str]) -> None:
        first = words[0]
        problem = self._image_problem(first)
        later = next(filter(_is_image, words[1:]), None) if problem else None
        if later:
            problem = f"must begin with the image, '{later}', not with '{cut(first)}'"
        if problem:
            self._report.problem(part, f"The 'run' of the action '{name}' {problem}.")
            return
        image = first.partition(":")[0]
        if near := _misspelt(image):
            self._report.warn(
                part,
                f"The action '{name}' uses '{image}', which is not the name of an image; did you "
                f"mean '{near}'? It can still be the name of a reusable action.",
            )

    def _image_problem(self, first: str) -> str | None:
        image, _colon, tag = first.partition(":")
        if hidden := invisible(first):
            return f"contains {hidden} in its first word; type an ordinary space instead"
        if not image:
            return f"must begin with an image and its version, as in 'python:v2', not with '{tag}'"
        if not places.NAME.fullmatch(image):
            return _name_problem(image, first)
        if not tag:
            return (
                f"begins with '{cut(first)}', which has no version; write image, colon and "
                f"version without spaces, as in '{cut(image)}:v2'"
            )
        if not images.is_tag(tag):
            return _tag_problem(image, tag)
        return self._version_problem(image, tag)

    def _version_problem(self, image: str, tag: str) -> str | None:
        if self._version is None:
            return None
        if tag == "latest" and self._version >= 5:
            return (
                f"uses '{image}:latest', which version 5 of project.yaml does not allow; name the "
                f"version of the image, as in '{image}:v2'"
            )
        if image == "cohortextractor" and self._version >= 4:
            return (
                "uses cohortextractor, which project.yaml allows up to version 3 only; use ehrql "
                "instead"
            )
        return None

    def _warn(self, name: str, part: Part, run: str, words: list[str]) -> None:
        syntax = shell_syntax(run, words)
        if syntax:
            self._report.warn(
                part,
                f"The 'run' of the action '{name}' contains {quoted(map(cut, syntax))}. No shell "
                f"reads a 'run': the program is given these characters as they are.",
            )
        marks = smart_quotes(run)
        if marks:
            self._report.warn(
                part,
                f"The 'run' of the action '{name}' contains the typographic quotation marks "
                f"{' '.join(marks)}; type \" or ' instead.",
            )


@lru_cache(maxsize=256)
def _misspelt(image: str) -> str | None:
    """Return the image that was probably meant by a name that is not one's."""
    if image in images.DOCKER_IMAGES:
        return None
    return nearest(image.lower(), sorted(images.DOCKER_IMAGES))


def _is_image(word: str) -> bool:
    image, _colon, tag = word.partition(":")
    return image in images.DOCKER_IMAGES and images.is_tag(tag)


def _name_problem(image: str, first: str) -> str:
    name = image.rpartition("/")[2]
    if "/" in image and ":" in first and places.NAME.fullmatch(name):
        return f"names the image '{cut(first)}'; write only its last part, as in '{cut(name)}:v2'"
    return (
        f"begins with '{cut(first)}', which is not the name of an image and its version; these "
        f"look like 'python:v2'"
    )


def _tag_problem(image: str, tag: str) -> str:
    written = f"{image}:{tag}"
    image = image.lower() if image.lower() in images.DOCKER_IMAGES else image
    meant = f"v{tag.lower().removeprefix('v')}"
    example = f"{image}:{meant}" if images.is_tag(meant) else f"{image}:v2"
    return (
        f"uses '{cut(written)}', whose version is not written as 'v' and a number, as in "
        f"'{cut(example)}'"
    )
