"""The audit chain shows every kind of tampering."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
from sqlalchemy import MetaData, delete, insert, select, update
from sqlalchemy.engine import Engine

from sallyport_common.database import create_engine, read, write
from sallyport_records.chain import Chain, Verdict, row_hash


@pytest.fixture
def chain() -> Chain:
    """Return a chain of its own."""
    return Chain(MetaData())


@pytest.fixture
def engine(chain: Chain, tmp_path: Path) -> Engine:
    """Return a database with three rows in the chain."""
    made = create_engine(f"sqlite:///{tmp_path}/audit.sqlite3")
    with write(made) as connection:
        chain.rows.metadata.create_all(connection)
    for number in range(3):
        add(made, chain, number)
    return made


def add(engine: Engine, chain: Chain, number: int) -> None:
    """Append one row."""
    with write(engine) as connection:
        chain.append(
            connection, actor="ada", event="view", object=f"file-{number}", data={"n": number}
        )


def verdict(engine: Engine, chain: Chain) -> Verdict:
    """Verify the chain."""
    with read(engine) as connection:
        return chain.verify(connection)


def test_an_untouched_chain_is_intact(engine: Engine, chain: Chain) -> None:
    assert verdict(engine, chain) == Verdict(3, None)
    assert verdict(engine, chain).intact


def test_rows_that_are_added_together_are_links_like_others(engine: Engine, chain: Chain) -> None:
    pairs = [(f"file-{number}", {"n": number}) for number in range(4, 7)]
    with write(engine) as connection:
        rows = chain.append_all(connection, actor="ada", event="view", of=pairs)
        assert chain.append_all(connection, actor="ada", event="view", of=[]) == []
    assert [(row["seq"], row["object"]) for row in rows] == [
        (number, f"file-{number}") for number in range(4, 7)
    ]
    add(engine, chain, 7)
    assert verdict(engine, chain) == Verdict(7, None)
    with write(engine) as connection:
        connection.execute(update(chain.rows).where(chain.rows.c.seq == 5).values(actor="eve"))
    assert not verdict(engine, chain).intact


def test_an_empty_chain_is_intact(chain: Chain, tmp_path: Path) -> None:
    engine = create_engine(f"sqlite:///{tmp_path}/empty.sqlite3")
    with write(engine) as connection:
        chain.rows.metadata.create_all(connection)
    assert verdict(engine, chain) == Verdict(0, None)


@pytest.mark.parametrize(
    ("field", "value"),
    [("actor", "eve"), ("data", {"n": 9}), ("time", "2020-01-01"), ("hash", "0" * 64)],
)
def test_an_edited_row_is_named(engine: Engine, chain: Chain, field: str, value: object) -> None:
    with write(engine) as connection:
        connection.execute(update(chain.rows).where(chain.rows.c.seq == 2).values({field: value}))
    assert verdict(engine, chain).fault == "row 2 was changed"


def test_a_deleted_row_is_noticed(engine: Engine, chain: Chain) -> None:
    with write(engine) as connection:
        connection.execute(delete(chain.rows).where(chain.rows.c.seq == 2))
    assert verdict(engine, chain).fault == "row 2 is missing or out of order"


def test_a_cut_tail_is_noticed(engine: Engine, chain: Chain) -> None:
    with write(engine) as connection:
        connection.execute(delete(chain.rows).where(chain.rows.c.seq == 3))
    assert verdict(engine, chain).fault == "the tail is missing: the head says row 3"


def test_a_rewritten_row_breaks_the_next_one(engine: Engine, chain: Chain) -> None:
    with write(engine) as connection:
        row = dict(
            connection.execute(select(chain.rows).where(chain.rows.c.seq == 2)).one()._mapping
        )
        del row["hash"]
        row["actor"] = "eve"
        connection.execute(delete(chain.rows).where(chain.rows.c.seq == 2))
        connection.execute(insert(chain.rows).values(row | {"hash": row_hash(row)}))
    assert verdict(engine, chain).fault == "row 3 does not follow the row before it"


def test_a_row_is_undone_with_the_change_it_records(engine: Engine, chain: Chain) -> None:
    def fail_after_append() -> None:
        with write(engine) as connection:
            chain.append(connection, actor="ada", event="x", object="y", data={})
            raise ValueError("the change failed")

    with pytest.raises(ValueError, match="the change failed"):
        fail_after_append()
    assert verdict(engine, chain) == Verdict(3, None)


def test_parallel_writers_make_one_chain(engine: Engine, chain: Chain) -> None:
    def work() -> None:
        for number in range(5):
            add(engine, chain, number)

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert verdict(engine, chain) == Verdict(18, None)
