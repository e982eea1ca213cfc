"""Settings: complete and typed, or one error that names every problem and shows no value."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import pytest

from sallyport_common.errors import SettingsError
from sallyport_common.settings import Secret, environment_names, load


class Colour(enum.Enum):
    """An enumeration as a setting."""

    RED = "red"


@dataclass(frozen=True, kw_only=True)
class Example:
    """One field of every supported type."""

    url: str
    lifetime: int
    ratio: float
    enabled: bool
    folder: Path
    names: tuple[str, ...]
    labels: dict[str, str]
    mode: Literal["fast", "slow"]
    colour: Colour
    note: str | None
    key: Secret
    spare_key: Secret | None


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """Return a complete environment."""
    (tmp_path / "key").write_text("s3cret-value\n")
    return {
        "EX_URL": "https://a",
        "EX_LIFETIME": "5",
        "EX_RATIO": "0.5",
        "EX_ENABLED": "true",
        "EX_FOLDER": "/srv",
        "EX_NAMES": "a, b,",
        "EX_LABELS": '{"a": "b"}',
        "EX_MODE": "fast",
        "EX_COLOUR": "red",
        "EX_KEY_FILE": str(tmp_path / "key"),
        "PATH": "/bin",
    }


def test_every_type_is_read(environment: dict[str, str]) -> None:
    settings = load(Example, "EX_", environment)
    assert settings.lifetime == 5
    assert settings.ratio == 0.5
    assert settings.enabled is True
    assert settings.folder == Path("/srv")
    assert settings.names == ("a", "b")
    assert settings.labels == {"a": "b"}
    assert settings.mode == "fast"
    assert settings.colour is Colour.RED
    assert settings.note is None
    assert settings.key.reveal() == "s3cret-value"
    assert settings.spare_key is None


def test_a_secret_does_not_show_itself(environment: dict[str, str]) -> None:
    settings = load(Example, "EX_", environment)
    assert "s3cret" not in repr(settings)
    assert "s3cret" not in str(settings.key)
    assert settings.key == Secret("s3cret-value")


def test_all_problems_are_named_at_once(environment: dict[str, str]) -> None:
    del environment["EX_URL"]
    environment |= {"EX_LIFETIME": "soon", "EX_ENABLED": "maybe", "EX_MODE": "odd"}
    with pytest.raises(SettingsError) as caught:
        load(Example, "EX_", environment)
    assert caught.value.problems == (
        "EX_URL is not set",
        "EX_LIFETIME: expected a whole number",
        "EX_ENABLED: expected true or false",
        "EX_MODE: expected one of fast, slow",
    )


@pytest.mark.parametrize(
    ("name", "value", "hint"),
    [
        ("EX_RATIO", "x", "expected a number"),
        ("EX_LABELS", "[1]", "expected a JSON object of strings"),
        ("EX_COLOUR", "blue", "expected one of red"),
        ("EX_KEY_FILE", "/nonexistent", "cannot read /nonexistent: No such file or directory"),
    ],
)
def test_a_bad_value_is_refused(
    environment: dict[str, str], name: str, value: str, hint: str
) -> None:
    load(Example, "EX_", environment)  # the control: the same environment is accepted
    with pytest.raises(SettingsError, match=f"{name}: {hint}".replace("[", r"\[")):
        load(Example, "EX_", environment | {name: value})


def test_a_misspelt_name_is_a_problem(environment: dict[str, str]) -> None:
    with pytest.raises(SettingsError, match="EX_LIFETIEM is not a setting"):
        load(Example, "EX_", environment | {"EX_LIFETIEM": "5"})


@pytest.mark.parametrize("content", ["", "  \n", "CHANGE_ME", "<your token>"])
def test_an_empty_or_placeholder_secret_is_refused(
    environment: dict[str, str], tmp_path: Path, content: str
) -> None:
    (tmp_path / "other").write_text(content)
    with pytest.raises(SettingsError, match="is empty or still a placeholder"):
        load(Example, "EX_", environment | {"EX_KEY_FILE": str(tmp_path / "other")})


def test_environment_names_lists_what_is_read() -> None:
    names = environment_names(Example, "EX_")
    assert {"EX_URL", "EX_KEY_FILE", "EX_SPARE_KEY_FILE"} <= names
    assert "EX_KEY" not in names
