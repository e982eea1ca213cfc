"""Files become tables, images or text; nothing in them acts, and nothing is hidden."""

from __future__ import annotations

import gzip

import pytest

from sallyport_common.outputs import KINDS, View
from sallyport_disclosure.engine import check_file
from sallyport_disclosure.policy import Policy
from sallyport_release_hatch.services.showing import present, visible


@pytest.mark.parametrize("suffix", KINDS)
def test_every_allowed_type_can_be_shown(suffix: str) -> None:
    kind = KINDS[suffix]
    text = b"a,b\n1,2\n"
    content = gzip.compress(text) if kind.packed else (kind.magic or text)
    shown = present(f"t{suffix}", content, 10)
    assert (shown.image_type is not None) == (kind.view is View.IMAGE)
    assert (shown.table is not None) == (kind.view is View.TABLE)
    if kind.view in (View.TEXT, View.MARKUP):
        assert shown.text == text.decode()


def test_a_packed_bomb_is_not_unpacked() -> None:
    assert present("p.svgz", gzip.compress(b"<svg/>"), 10).text == "<svg/>"
    bomb = gzip.compress(b"0" * 64 * 1024 * 1024)
    assert len(present("p.svgz", bomb, 10).text or "") < 200_000


@pytest.mark.parametrize(
    ("name", "data"), [("t.csv", b'a\n"1'), ("t.csv", b"\xff"), ("t.png", b"x")]
)
def test_what_cannot_be_read_is_shown_as_text(name: str, data: bytes) -> None:
    shown = present(name, data, 10)
    assert (shown.table, shown.image_type) == (None, None)
    assert shown.text


def test_cells_with_a_finding_are_marked() -> None:
    data = b"Title\n\ngroup,n\na,50\nb,3\n"
    findings = check_file("t.csv", data, Policy()).findings
    shown = present("t.csv", data, 10, findings)
    assert shown.marks == {(2, 2)}
    assert shown.table is not None
    assert shown.table.rows[1][1] == "3"
    assert shown.table.titles == ("Title",)


def test_control_characters_are_visible() -> None:
    assert visible("a\tb\r\nc\x1b[31mred\x1b[0m") == "a\tb\ncred"
    assert visible("\x1b]0;x\x07\x00\x7f\x9b") == "\u241b]0;x\u2407\u2400\u2421\ufffd"
    assert visible("vsc.\u202egpj") == "vsc.\ufffdgpj"
