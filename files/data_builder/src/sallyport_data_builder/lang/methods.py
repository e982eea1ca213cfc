"""The methods that standard tables have beside their columns, by the name in the schema file."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, cast

from sallyport_data_builder.lang.frames import BaseFrame, EventFrame, PatientFrame
from sallyport_data_builder.lang.series import BoolSeries


class PatientMethods(BaseFrame):
    """Ages and deaths."""

    def age_on(self, date: Any) -> Any:
        """Return whole years from birth to a date; negative before birth."""
        return (date - self.date_of_birth).years

    def is_alive_on(self, date: Any) -> BoolSeries:
        """Tell whether death came after a date, or not at all."""
        death = self.date_of_death
        return cast(BoolSeries, death.is_after(date) | death.is_null())

    def is_dead_on(self, date: Any) -> BoolSeries:
        """Tell whether death came before a date."""
        death = self.date_of_death
        return cast(BoolSeries, death.is_not_null() & death.is_before(date))


class RegistrationMethods(EventFrame):
    """Registrations at a date."""

    def spanning(self, start: Any, end: Any) -> RegistrationMethods:
        """Keep what began on or before start, and ends on or after end or not at all."""
        begun = self.where(self.start_date.is_on_or_before(start))
        return begun.where(self.end_date.is_on_or_after(end) | self.end_date.is_null())

    def exists_for_patient_on(self, date: Any) -> BoolSeries:
        """Tell whether a patient is registered on a date."""
        return self.spanning(date, date).exists_for_patient()

    def for_patient_on(self, date: Any) -> PatientFrame:
        """Return a patient's registration on a date: of several, the latest."""
        keys = (self.start_date, self.end_date, self.practice_pseudo_id)
        return self.spanning(date, date).sort_by(*keys).last_for_patient()


class DeathMethods(BaseFrame):
    """Causes of death."""

    def cause_of_death_is_in(self, codelist: Collection[str]) -> BoolSeries:
        """Tell whether the underlying cause, or another one, is in a codelist."""
        numbered = [f"cause_of_death_{number:02}" for number in range(1, 16)]
        found = self.underlying_cause_of_death.is_in(codelist)
        for name in numbered:
            found = found | getattr(self, name).is_in(codelist)
        return cast(BoolSeries, found)


METHODS: dict[str, type[BaseFrame]] = {
    "patients": PatientMethods,
    "practice_registrations": RegistrationMethods,
    "ons_deaths": DeathMethods,
}
