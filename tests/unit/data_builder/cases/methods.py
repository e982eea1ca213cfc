"""The methods of standard tables, of each schema that has them."""

from __future__ import annotations

from typing import Any

from tests.unit.data_builder.cases.form import cases, day, days_of
from tests.unit.data_builder.engines import Tables

from sallyport_data_builder.lang.tables import core, emis, emisv2, tpp

T, F, N = True, False, None
tpp_tables: Any = tpp
emis_tables: Any = emis
second: Any = emisv2
patients: Any = core.patients
deaths: Any = core.ons_deaths
registrations: Any = core.practice_registrations
BORN = [
    (1, day("1980-01-01"), "female", N),
    (2, day("2000-02-01"), "male", day("2020-06-15")),
    (3, day("2020-03-01"), "unknown", day("2020-06-16")),
]
CORE: Tables = {
    "patients": BORN,
    "practice_registrations": [
        (1, day("2010-01-01"), day("2015-01-01"), 1),
        (1, day("2015-01-01"), N, 2),
        (1, day("2015-01-01"), day("2030-01-01"), 3),
        (2, day("2010-01-01"), day("2019-01-01"), 4),
        (2, day("2010-01-01"), day("2019-01-01"), 5),
    ],
    "ons_deaths": [
        (2, day("2020-06-15"), "I219", "J189"),
        (3, day("2020-06-16"), "J189", *[N] * 14, "I219"),
    ],
}
OF_CORE = cases(
    CORE,
    {
        "age_on": (patients.age_on("2020-02-29"), [40, 20, -1]),
        "age_on the birthday": (patients.age_on("2020-02-01"), [40, 20, -1]),
        "age_on the day before": (patients.age_on("2020-01-31"), [40, 19, -1]),
        "age_on a series": (patients.age_on(patients.date_of_death), [N, 20, 0]),
        "is_alive_on the day before": (patients.is_alive_on("2020-06-14"), [T, T, T]),
        "is_alive_on the day of death": (patients.is_alive_on("2020-06-15"), [T, F, T]),
        "is_alive_on the day after": (patients.is_alive_on("2020-06-16"), [T, F, F]),
        "is_dead_on the day before": (patients.is_dead_on("2020-06-14"), [F, F, F]),
        "is_dead_on the day of death": (patients.is_dead_on("2020-06-15"), [F, F, F]),
        "is_dead_on the day after": (patients.is_dead_on("2020-06-16"), [F, T, F]),
        "spanning": (
            registrations.spanning("2014-01-01", "2014-12-31").count_for_patient(),
            [1, 2, 0],
        ),
        "spanning its own days": (
            registrations.spanning("2010-01-01", "2015-01-01").count_for_patient(),
            [1, 2, 0],
        ),
        "spanning too long": (
            registrations.spanning("2009-12-31", "2015-01-01").count_for_patient(),
            [0, 0, 0],
        ),
        "exists_for_patient_on": (registrations.exists_for_patient_on("2019-01-01"), [T, T, F]),
        "exists_for_patient_on the day after": (
            registrations.exists_for_patient_on("2019-01-02"),
            [T, F, F],
        ),
        "for_patient_on is the last to start, then to end": (
            registrations.for_patient_on("2015-01-01").practice_pseudo_id,
            [3, 5, N],
        ),
        "for_patient_on an earlier day": (
            registrations.for_patient_on("2014-12-31").practice_pseudo_id,
            [1, 5, N],
        ),
        "cause_of_death_is_in any place": (
            deaths.cause_of_death_is_in(["I219"]),
            [N, T, T],
        ),
        "cause_of_death_is_in none": (deaths.cause_of_death_is_in(["E110"]), [N, N, N]),
        "a cause by column": (deaths.underlying_cause_of_death == "J189", [N, F, T]),
    },
    patients.exists_for_patient(),
)

address = tpp_tables.addresses
practice = tpp_tables.practice_registrations
ADDRESSES = [
    # address_id, start, end, type, rural, imd, msoa, has_postcode
    (1, 1, day("2010-01-01"), day("2015-06-01"), 0, 1, 100, "E02000001", T),
    (1, 2, day("2015-01-01"), N, 0, 1, 6568, "E02000002", T),
    (1, 3, day("2016-01-01"), N, 0, 1, 6600, "E02000003", F),
    (2, 4, day("2015-01-01"), N, 0, 1, 32800, N, N),
    (2, 5, day("2015-01-01"), day("2030-01-01"), 0, 1, 16400, N, N),
    (3, 6, day("2015-01-01"), N, 0, 1, N, N, T),
    (3, 7, day("2015-01-01"), N, 0, 1, -1, N, T),
]
TPP: Tables = {
    "tpp.patients": BORN,
    "tpp.addresses": ADDRESSES,
    "tpp.practice_registrations": [
        (1, day("2010-01-01"), N, 1, N, "London", day("2012-01-01")),
        (2, day("2010-01-01"), N, 2, N, "East", N),
    ],
    "tpp.decision_support_values": [
        (1, day("2020-01-01"), 0.25, "UK Electronic Frailty Index (eFI)", "1.0"),
        (1, day("2020-01-01"), 0.5, "UK Electronic Frailty Index (eFI)", "2.0"),
        (2, day("2020-01-01"), 0.75, "another", "1.0"),
    ],
    "tpp.ons_deaths": [(2, day("2020-06-15"), "I219", "J189")],
}
on_2015, on_2020 = address.for_patient_on("2015-03-01"), address.for_patient_on("2020-01-01")
OF_TPP = cases(
    TPP,
    {
        "tpp: age_on": (tpp_tables.patients.age_on("2020-02-29"), [40, 20, -1]),
        "tpp: is_dead_on": (tpp_tables.patients.is_dead_on("2020-06-16"), [F, T, F]),
        "tpp: an address with a postcode comes first": (on_2020.address_id, [2, 5, 7]),
        "tpp: of two addresses the later": (on_2015.address_id, [2, 5, 7]),
        "tpp: an address of an earlier day": (
            address.for_patient_on("2014-01-01").address_id,
            [1, N, N],
        ),
        "tpp: imd_quintile": (on_2020.imd_quintile, ["1 (most deprived)", "3", "unknown"]),
        "tpp: imd_decile": (on_2020.imd_decile, ["2", "5", "unknown"]),
        "tpp: imd_decile without address": (
            address.for_patient_on("2014-01-01").imd_decile,
            ["1 (most deprived)", "unknown", "unknown"],
        ),
        "tpp: imd_quintile of rows": (
            address.where(address.imd_quintile == "5 (least deprived)").count_for_patient(),
            [0, 1, 0],
        ),
        "tpp: imd_quintile at its limit": (
            address.where(address.imd_quintile == "2").count_for_patient(),
            [1, 0, 0],
        ),
        "tpp: imd_decile of a sorted pick": (
            address.sort_by(address.address_id).last_for_patient().imd_decile,
            ["3", "5", "unknown"],
        ),
        "tpp: a region on a date": (
            practice.for_patient_on("2020-01-01").practice_nuts1_region_name,
            ["London", "East", N],
        ),
        "tpp: spanning_with_systmone": (
            practice.spanning_with_systmone("2012-01-01", "2013-01-01").exists_for_patient(),
            [T, F, F],
        ),
        "tpp: spanning_with_systmone before it was there": (
            practice.spanning_with_systmone("2011-12-31", "2013-01-01").exists_for_patient(),
            [F, F, F],
        ),
        "tpp: electronic_frailty_index": (
            tpp_tables.decision_support_values.electronic_frailty_index().numeric_value.maximum_for_patient(),
            [0.25, N, N],
        ),
        "tpp: cause_of_death_is_in": (
            tpp_tables.ons_deaths.cause_of_death_is_in(["J18", "J189"]),
            [N, T, N],
        ),
    },
    tpp_tables.patients.exists_for_patient(),
)

spans = emis_tables.patients.has_practice_registration_spanning
EMIS: Tables = {
    "emis.patients": [
        (1, day("1980-01-01"), "female", N, day("2010-01-01"), N),
        (2, day("1980-01-01"), "male", N, day("2010-01-01"), day("2020-01-01")),
        (3, day("1980-01-01"), "male", N, day("2015-01-01"), N),
    ],
}
OF_EMIS = cases(
    EMIS,
    {
        "emis: age_on": (emis_tables.patients.age_on("2020-01-01"), [40, 40, 40]),
        "emis: registration spanning": (spans("2010-01-01", "2019-12-31"), [T, T, F]),
        "emis: registration spanning to its end": (spans("2010-01-01", "2020-01-01"), [T, F, F]),
        "emis: registration spanning from before": (spans("2009-12-31", "2019-12-31"), [F, F, F]),
    },
    emis_tables.patients.exists_for_patient(),
)

SECOND: Tables = {
    "emisv2.patients": BORN,
    "emisv2.addresses": [
        (1, day("2010-01-01"), day("2015-06-01"), 100, "E02000001"),
        (1, day("2015-01-01"), N, 200, "E02000002"),
        (2, day("2015-01-01"), day("2016-01-01"), 300, "E02000003"),
    ],
    "emisv2.practice_registrations": [
        (1, day("2010-01-01"), N),
        (2, day("2010-01-01"), day("2011-01-01")),
    ],
}
OF_SECOND = cases(
    SECOND,
    {
        "emisv2: an address on a date": (
            second.addresses.for_patient_on("2015-03-01").imd_rounded,
            [200, 300, N],
        ),
        "emisv2: an address on a later date": (
            second.addresses.for_patient_on("2016-01-02").msoa_code,
            ["E02000002", N, N],
        ),
        "emisv2: a registration without practice": (
            second.practice_registrations.for_patient_on("2010-06-01").end_date,
            days_of(N, "2011-01-01", N),
        ),
        "emisv2: exists_for_patient_on": (
            second.practice_registrations.exists_for_patient_on("2011-01-02"),
            [T, F, F],
        ),
        "emisv2: is_alive_on": (second.patients.is_alive_on("2020-06-15"), [T, F, T]),
    },
    second.patients.exists_for_patient(),
)
CASES = [*OF_CORE, *OF_TPP, *OF_EMIS, *OF_SECOND]
