"""What a researcher's machine knows of a site: its registry, its images and its reusable actions.

All of it may be in one file, which the site hands out; options of a command count more.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from sallyport_common import strict_yaml
from sallyport_common.errors import SettingsError
from sallyport_study.catalogue import DEFAULT, Catalogue, read_entry
from sallyport_study.reusable import Home

KEYS = ("registry", "images", "action_organisation", "action_branch", "action_folder")


@dataclass(frozen=True, kw_only=True)
class Site:
    """A site as far as it is known; an empty `registry` is not.

    `actions` is the organisation of reusable actions, and `folder` has clones of them that are read
    in place of the forge.
    """

    registry: str = ""
    images: Catalogue = DEFAULT
    actions: Home | None = None
    branch: str = "main"
    folder: Path | None = None
    known: bool = False
    """Whether anybody said what the site has besides its registry."""


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options that say what a site has."""
    parser.add_argument(
        "--site",
        metavar="FILE",
        help="a file of the site with its registry, images and reusable actions "
        "(default: SALLYPORT_SITE)",
    )
    parser.add_argument(
        "--action-organisation",
        metavar="FORGE/ORGANISATION",
        help="whose repositories are reusable actions (default: SALLYPORT_ACTION_ORGANISATION)",
    )
    parser.add_argument(
        "--action-folder",
        metavar="FOLDER",
        help="clones of reusable actions, read in place of the forge "
        "(default: SALLYPORT_ACTION_FOLDER)",
    )


def read_site(options: argparse.Namespace, environment: Mapping[str, str]) -> Site:
    """Return the site that options, variables and a file describe, in this order.

    Raises SettingsError naming what is wrong.
    """

    def given(name: str) -> str:
        return getattr(options, name, "") or environment.get(f"SALLYPORT_{name.upper()}") or ""

    site = _from_file(given("site")) if given("site") else Site()
    registry, folder = given("registry"), given("action_folder")
    home = given("action_organisation")
    return replace(
        site,
        registry=registry or site.registry,
        actions=_home("--action-organisation", home) if home else site.actions,
        folder=Path(folder) if folder else site.folder,
        known=site.known or bool(home),
    )


def _from_file(path: str) -> Site:
    try:
        values = strict_yaml.load(Path(path).read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, strict_yaml.YamlError) as error:
        raise SettingsError([f"{path}: {' '.join(str(error).split())}"]) from None
    if not isinstance(values, dict) or set(values) - set(KEYS):
        raise SettingsError([f"{path}: expected a mapping with some of {', '.join(KEYS)}"])
    for key in set(KEYS) - {"images"}:
        if not isinstance(values.get(key, ""), str):
            raise SettingsError([f"{path}: '{key}' must be text"])
    folder, home = values.get("action_folder"), values.get("action_organisation")
    return Site(
        registry=values.get("registry", ""),
        images=_images(path, values.get("images", [])),
        actions=_home(f"{path}: 'action_organisation'", home) if home else None,
        branch=values.get("action_branch") or "main",
        folder=Path(path).parent / folder if folder else None,
        known=True,
    )


def _images(path: str, values: Any) -> Catalogue:
    try:
        own = [read_entry(value) for value in values]
    except (TypeError, ValueError) as error:
        raise SettingsError([f"{path}: {error}"]) from None
    return Catalogue.of([*DEFAULT.entries.values(), *own])


def _home(where: str, text: str) -> Home:
    try:
        return Home.parse(text.removeprefix("https://").rstrip("/"))
    except ValueError as error:
        raise SettingsError([f"{where}: {error}"]) from None
