"""What `debug` does: runs a definition, and prints what its `show(...)` calls name."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from sallyport_data_builder import commands
from sallyport_data_builder.confine import parent
from sallyport_data_builder.dummy.beside import plan_for
from sallyport_data_builder.errors import DefinitionError
from sallyport_data_builder.evaluation import Evaluation, Folder, Made, Source
from sallyport_data_builder.io.displays import DISPLAYS, Display, cells
from sallyport_data_builder.io.targets import Target
from sallyport_data_builder.model import graph
from sallyport_data_builder.model.plan import Plan
from sallyport_data_builder.model.shown import Shown
from sallyport_data_builder.settings import Settings

LOG = logging.getLogger("data_builder")


def debug(settings: Settings, given: Any, parameters: Sequence[str]) -> None:
    """Print what a definition shows; then raise what is wrong with it, if anything is."""
    found = parent.debug(Path(given.definition), parameters, commands.isolation(settings))
    shown = found.shown
    commands.check_claims(sorted(graph.permissions(shown.nodes)), shown.permissions_claimed)
    commands.confine(settings, Target(), *map(Path, filter(None, [given.dummy_tables])))
    if not shown.calls and found.mistake is None:
        LOG.info("%s shows nothing: call show(...) in it", given.definition)
    for line in lines(shown, found.plan, given.dummy_tables, DISPLAYS[given.display_format]):
        sys.stdout.write(f"{line}\n")
    if found.mistake is not None:
        sys.stdout.flush()
        raise found.mistake


def lines(shown: Shown, plan: Plan | None, folder: str | None, display: Display) -> Iterator[str]:
    """Yield what is printed: each call under the study's own line."""
    evaluation = Evaluation(shown.grids, plan, _source(shown, plan, folder))
    for call in shown.calls:
        yield from display.title(f"{call.place}: {call.title}")
        for item in call.items:
            if isinstance(item, str):
                yield from display.text(item)
                continue
            try:
                answer = evaluation.answer(item)
            except DefinitionError as error:
                raise DefinitionError(f"  {call.place}: {call.title}\n{error}") from None
            yield from display.table(answer.names, cells(answer.rows, call.head, call.tail))


def _source(shown: Shown, plan: Plan | None, folder: str | None) -> Source | None:
    """Return where the tables come from: the folder, else made for the definition."""
    if folder is not None:
        LOG.info("dummy tables come from %s", folder)
        return Folder(Path(folder))
    made = plan_for(plan, shown)
    if made is None:
        return None
    LOG.info("%s dummy patients", made.population_size)
    return Made(made)
