"""Values of msgspec types: read whole, or refused with every fault and its path."""

from __future__ import annotations

import re
from typing import Annotated, Any

import msgspec
import pytest
from msgspec import Meta, Struct, field

from sallyport_common.schemas import (
    MOST_FAULTS,
    FaultsError,
    Text,
    components,
    convert,
    encode,
    fill,
    form,
    read,
)

Digest = Annotated[str, form(re.compile("[0-9a-f]{4}"), "four hexadecimal digits")]


class Upper(Text):
    """A word in upper case."""

    __slots__ = ()
    accepted = "a word"

    @classmethod
    def read(cls, text: str) -> Upper:
        """Return the word in upper case."""
        if not text.isalpha():
            raise ValueError("any words of the type's own")
        return cls(text.upper())


class Item(Struct, frozen=True):
    """One of a list."""

    name: Upper
    digest: Digest
    size: Annotated[int, Meta(ge=0, le=9, description="a number from 0 to 9")] = 0


class Box(Struct, frozen=True, forbid_unknown_fields=True):
    """A value with every kind of field."""

    items: Annotated[list[Item], Meta(min_length=1, description="a list of at least one item")]
    owner: Upper | None
    labels: dict[Digest, str] = field(default_factory=dict)
    names: Annotated[list[str], Meta(description="names of people")] = field(default_factory=list)
    tags: tuple[str, ...] = field(name="for", default=())
    either: bool | int = False
    more: Any = None

    def __post_init__(self) -> None:
        """Refuse more than two items."""
        if len(self.items) > 2:
            raise ValueError("A box has two items at most.")


ITEM = {"name": "a", "digest": "00ff"}
BOX: dict[str, Any] = {"items": [ITEM], "owner": None}
FAULTS: list[tuple[Any, list[tuple[str, str, str]]]] = [
    (5, [("", "invalid", "an object")]),
    (None, [("", "invalid", "an object")]),
    ({}, [("items", "missing", "a list of at least one item"),
          ("owner", "missing", "a word, or null")]),
    (BOX | {"items": []}, [("items", "invalid", "a list of at least one item")]),
    (BOX | {"items": {}}, [("items", "invalid", "a list of at least one item")]),
    (BOX | {"items": [5]}, [("items[0]", "invalid", "an object")]),
    (BOX | {"items": [ITEM, {"name": 5, "digest": "x", "size": True}]},
     [("items[1].name", "invalid", "a word"),
      ("items[1].digest", "invalid", "four hexadecimal digits"),
      ("items[1].size", "invalid", "a number from 0 to 9")]),
    (BOX | {"items": [ITEM | {"name": "a b"}]}, [("items[0].name", "invalid", "a word")]),
    (BOX | {"items": [ITEM | {"digest": "00ff\n"}]},
     [("items[0].digest", "invalid", "four hexadecimal digits")]),
    (BOX | {"items": [ITEM | {"size": 10}]},
     [("items[0].size", "invalid", "a number from 0 to 9")]),
    (BOX | {"items": [ITEM] * 3}, [("", "rule", "A box has two items at most.")]),
    (BOX | {"owner": 5}, [("owner", "invalid", "a word, or null")]),
    (BOX | {"labels": {"x": 1}}, [("labels.x", "invalid", "four hexadecimal digits"),
                                  ("labels.x", "invalid", "a string")]),
    (BOX | {"labels": []}, [("labels", "invalid", "an object")]),
    (BOX | {"names": ["a", 5]}, [("names[1]", "invalid", "names of people")]),
    (BOX | {"names": "a"}, [("names", "invalid", "names of people")]),
    (BOX | {"for": "a"}, [("for", "invalid", "a list")]),
    (BOX | {"for": [5]}, [("for[0]", "invalid", "a string")]),
    (BOX | {"tags": []}, [("tags", "unknown", "items, owner, labels, names, for, either, more")]),
    (BOX | {5: []}, [("5", "unknown", "items, owner, labels, names, for, either, more")]),
    (BOX | {"either": "x"}, [("either", "invalid", "Expected `bool | int`, got `str`")]),
]  # fmt: skip


@pytest.mark.parametrize(("value", "faults"), FAULTS)
def test_every_fault_is_named_with_its_path(value: Any, faults: list[tuple[str, str, str]]) -> None:
    with pytest.raises(FaultsError) as caught:
        read(Box, value)
    assert [(f.where, f.kind.value, f.text) for f in caught.value.faults] == faults
    assert str(caught.value) == "; ".join(f"{where}: {text}" for where, _kind, text in faults)
    assert read(Box, BOX).owner is None


def test_a_good_value_is_read_in_the_form_that_is_kept() -> None:
    value = BOX | {"owner": "ada", "labels": {"0000": "a"}, "for": ["x"], "either": 1, "more": [{}]}
    box = read(Box, value)
    assert (box.owner, box.items[0].name, box.tags, box.more) == ("ADA", "A", ("x",), [{}])
    assert type(box.items[0].name) is Upper
    assert read(list[Item], [ITEM, ITEM])[1].digest == "00ff"


def test_our_own_objects_become_structs_and_json() -> None:
    item = read(Item, ITEM)
    assert fill(Item, item, size=3) == Item(Upper("A"), "00ff", 3)
    assert encode(item) == b'{"name":"A","digest":"00ff","size":0}'
    box = convert({"items": [item], "owner": None}, Box)
    assert box.items == [item]
    with pytest.raises(msgspec.ValidationError):
        fill(Item, item, size=10)


def test_the_json_schema_has_the_words_and_the_anchors_of_json() -> None:
    schemas, named = components([Box, list[Item], Box])
    assert schemas == {
        Box: {"$ref": "#/components/schemas/Box"},
        list[Item]: {"type": "array", "items": {"$ref": "#/components/schemas/Item"}},
    }
    assert named["Item"]["properties"]["digest"] == {
        "type": "string", "pattern": "^(?:[0-9a-f]{4})$", "description": "four hexadecimal digits",
    }  # fmt: skip
    assert named["Item"]["properties"]["name"] == {"type": "string", "description": "a word"}
    assert named["Item"]["required"] == ["name", "digest"]


def test_a_type_that_nobody_can_read_is_a_fault_of_ours() -> None:
    class Odd:
        """Not a Text."""

    with pytest.raises(NotImplementedError):
        read(Odd, 5)
    with pytest.raises(TypeError, match="Odd"):
        components([Odd])


def test_a_value_with_very_many_faults_is_refused_quickly() -> None:
    with pytest.raises(FaultsError) as caught:
        read(Box, BOX | {"names": [5] * 1_000_000})
    assert len(caught.value.faults) == MOST_FAULTS
