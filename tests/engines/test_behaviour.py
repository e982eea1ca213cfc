"""What a query means, on live servers: the cases are those of the unit tests."""

from __future__ import annotations

from tests.unit.data_builder.test_behaviour import test_case
from tests.unit.data_builder.test_measuring import test_event_tables, test_measures
from tests.unit.data_builder.test_schemas import (
    test_every_table_and_column_is_imported_and_queried,
)
from tests.unit.data_builder.test_semantics import (
    test_cause_of_death_is_looked_for_in_every_place,
    test_every_patient_is_downloaded_once,
    test_population_may_come_from_events_alone,
    test_registration_on_a_date_is_the_latest,
    test_sem_21_population_is_true_and_in_order,
)

__all__ = [
    "test_case",
    "test_cause_of_death_is_looked_for_in_every_place",
    "test_event_tables",
    "test_every_patient_is_downloaded_once",
    "test_every_table_and_column_is_imported_and_queried",
    "test_measures",
    "test_population_may_come_from_events_alone",
    "test_registration_on_a_date_is_the_latest",
    "test_sem_21_population_is_true_and_in_order",
]
