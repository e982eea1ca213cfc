"""The methods that standard tables have beside their columns, by the name in the schema file."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, cast

from sallyport_data_builder.lang.frames import BaseFrame, EventFrame, PatientFrame
from sallyport_data_builder.lang.functions import case, when
from sallyport_data_builder.lang.series import BoolSeries

MOST_DEPRIVED, LEAST_DEPRIVED = "1 (most deprived)", "5 (least deprived)"
AREAS = 32844  # of England, each with a rank of deprivation
FRAILTY_INDEX = ("UK Electronic Frailty Index (eFI)", "1.0")


class BirthMethods(BaseFrame):
    """Ages."""

    def age_on(self, date: Any) -> Any:
        """Return whole years from birth to a date; negative before birth."""
        return (date - self.date_of_birth).years


class PatientMethods(BirthMethods):
    """Ages and deaths."""

    def is_alive_on(self, date: Any) -> BoolSeries:
        """Return whether death came after a date, or not at all."""
        death = self.date_of_death
        return cast(BoolSeries, death.is_after(date) | death.is_null())

    def is_dead_on(self, date: Any) -> BoolSeries:
        """Return whether death came before a date."""
        death = self.date_of_death
        return cast(BoolSeries, death.is_not_null() & death.is_before(date))


class EmisPatientMethods(BirthMethods):
    """Ages, and the registration that this table holds itself."""

    def has_practice_registration_spanning(self, start: Any, end: Any) -> BoolSeries:
        """Return whether the registration began by start and ends after end, if at all."""
        until = self.registration_end_date
        begun = self.registration_start_date.is_on_or_before(start)
        return cast(BoolSeries, begun & (until.is_after(end) | until.is_null()))


def _spanning(frame: Any, start: Any, end: Any) -> Any:
    """Keep what began on or before start, and ends on or after end or not at all."""
    begun = frame.where(frame.start_date.is_on_or_before(start))
    return begun.where(frame.end_date.is_on_or_after(end) | frame.end_date.is_null())


class RegistrationMethods(EventFrame):
    """Registrations at a date."""

    def spanning(self, start: Any, end: Any) -> RegistrationMethods:
        """Keep what began on or before start, and ends on or after end or not at all."""
        return cast(RegistrationMethods, _spanning(self, start, end))

    def exists_for_patient_on(self, date: Any) -> BoolSeries:
        """Return whether a patient is registered on a date."""
        return self.spanning(date, date).exists_for_patient()

    def for_patient_on(self, date: Any) -> PatientFrame:
        """Return a patient's registration on a date: of several, the latest."""
        keys = ("start_date", "end_date", "practice_pseudo_id")
        there = [getattr(self, key) for key in keys if key in self._node.columns]
        return self.spanning(date, date).sort_by(*there).last_for_patient()


class TppRegistrationMethods(RegistrationMethods):
    """Registrations, with the record system that the practice uses."""

    def spanning_with_systmone(self, start: Any, end: Any) -> RegistrationMethods:
        """Keep what spans, in practices that used this record system by the start."""
        live = self.practice_systmone_go_live_date.is_on_or_before(start)
        return self.spanning(start, end).where(live)


class AddressMethods(EventFrame):
    """Addresses at a date."""

    def for_patient_on(self, date: Any) -> PatientFrame:
        """Return a patient's address on a date: of several, the one that began last."""
        found = _spanning(self, date, date)
        return cast(PatientFrame, found.sort_by(self.start_date, self.end_date).last_for_patient())


class TppAddressMethods(EventFrame):
    """Addresses at a date, and how deprived their areas are."""

    def for_patient_on(self, date: Any) -> PatientFrame:
        """Return a patient's address on a date: with a postcode if there is one, then the last."""
        postcode = case(when(self.has_postcode).then(1), otherwise=0)
        keys = (postcode, self.start_date, self.end_date, self.address_id)
        return cast(PatientFrame, _spanning(self, date, date).sort_by(*keys).last_for_patient())

    @property
    def imd_quintile(self) -> Any:
        """The fifth of England's areas, by deprivation."""
        names = (MOST_DEPRIVED, "2", "3", "4", LEAST_DEPRIVED)
        return _deprivation(self.imd_rounded, names)

    @property
    def imd_decile(self) -> Any:
        """The tenth of England's areas, by deprivation."""
        middle = [str(number) for number in range(2, 10)]
        return _deprivation(self.imd_rounded, (MOST_DEPRIVED, *middle, "10 (least deprived)"))


def _deprivation(rank: Any, names: Collection[str]) -> Any:
    """Divide the areas by rank into as many parts as there are names."""
    limits = [AREAS * part // len(names) for part in range(1, len(names) + 1)]
    parts = zip(limits, names, strict=True)
    whens = [when((rank >= 0) & (rank <= limit)).then(name) for limit, name in parts]
    return case(*whens, otherwise="unknown")


class DeathMethods(BaseFrame):
    """Causes of death."""

    def cause_of_death_is_in(self, codelist: Collection[str]) -> BoolSeries:
        """Return whether the underlying cause, or another one, is in a codelist."""
        numbered = [f"cause_of_death_{number:02}" for number in range(1, 16)]
        found = self.underlying_cause_of_death.is_in(codelist)
        for name in numbered:
            found = found | getattr(self, name).is_in(codelist)
        return cast(BoolSeries, found)


class DecisionSupportMethods(EventFrame):
    """Scores by algorithm."""

    def electronic_frailty_index(self) -> DecisionSupportMethods:
        """Keep the scores of the electronic frailty index."""
        name, version = FRAILTY_INDEX
        return self.where(
            (self.algorithm_description == name) & (self.algorithm_version == version)
        )


METHODS: dict[str, type[BaseFrame]] = {
    "addresses": AddressMethods,
    "emis_patients": EmisPatientMethods,
    "ons_deaths": DeathMethods,
    "patients": PatientMethods,
    "practice_registrations": RegistrationMethods,
    "tpp_addresses": TppAddressMethods,
    "tpp_decision_support_values": DecisionSupportMethods,
    "tpp_practice_registrations": TppRegistrationMethods,
}
