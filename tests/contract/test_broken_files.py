"""A file of an inventory that is not YAML stops the run with a message that has a cure."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from ansible.errors import AnsibleParserError
from ansible.parsing.dataloader import DataLoader
from repository import ROOT
from test_inventories import filled, play


@pytest.fixture(scope="module")
def mysite(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An edited copy of the example."""
    return filled("example", tmp_path_factory.mktemp("inventories"))


# What an operator appends to group_vars/all/main.yml, and what ansible-core says of it before any
# task runs. docs/operators/troubleshoot.md quotes each of these messages with its cure.
BROKEN = {
    "site_x:\n\tfoo: 1\n": "Tabs are usually invalid in YAML.",
    "site_x: a: b\n": "Colons in unquoted values must be followed by a non-space character.",
    "  site_x: 1\n": "Mapping values are not allowed in this context.",
    "site_x: [a\n": "While parsing a flow sequence did not find expected ',' or ']'.",
    'site_x: "a\n': "While scanning a quoted scalar found unexpected end of stream.",
    "site_x: @a\n": "found character that cannot start any token.",
    "site_x: {{ site_name }}\n": "This may be an issue with missing quotes around a template",
}


@pytest.mark.parametrize("text", BROKEN)
def test_a_file_that_is_not_yaml_is_refused_with_a_message_that_has_a_cure(
    mysite: Path, tmp_path: Path, text: str
) -> None:
    valid = (mysite / "group_vars/all/main.yml").read_text(encoding="utf-8")
    file = tmp_path / "main.yml"
    file.write_text(valid)
    assert DataLoader().load_from_file(str(file))
    file.write_text(f"{valid}{text}")
    with pytest.raises(AnsibleParserError) as refused:
        DataLoader().load_from_file(str(file))
    assert BROKEN[text] in " ".join(str(refused.value).split())
    page = (ROOT / "docs/operators/troubleshoot.md").read_text(encoding="utf-8")
    assert BROKEN[text].rstrip(".") in page


def test_a_file_that_is_not_yaml_stops_the_run_with_that_message(
    mysite: Path, tmp_path: Path
) -> None:
    copy = shutil.copytree(mysite, tmp_path / "mysite")
    main = copy / "group_vars/all/main.yml"
    (text, *_) = BROKEN
    main.write_text(f"{main.read_text()}{text}")
    code, output = play("validate", "-i", str(copy))
    assert code != 0
    assert BROKEN[text] in " ".join(output.split()), output
