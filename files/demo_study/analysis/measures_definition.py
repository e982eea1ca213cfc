"""Adults who were prescribed an inhaler, and records of asthma, in each month of a year."""

from ehrql.tables.core import clinical_events, medications, patients, practice_registrations

from ehrql import INTERVAL, codelist_from_csv, create_measures, months

asthma_codes = codelist_from_csv("codelists/asthma.csv", column="code")
inhalers = ["39113611000001102", "39113311000001107"]

adult = patients.age_on(INTERVAL.start_date) >= 18
registered = practice_registrations.for_patient_on(INTERVAL.start_date).exists_for_patient()
prescribed = medications.where(medications.dmd_code.is_in(inhalers)).where(
    medications.date.is_during(INTERVAL)
)
recorded = clinical_events.where(clinical_events.snomedct_code.is_in(asthma_codes)).where(
    clinical_events.date.is_during(INTERVAL)
)

measures = create_measures()
measures.configure_dummy_data(population_size=1000)
measures.define_defaults(
    denominator=adult & registered & patients.is_alive_on(INTERVAL.start_date),
    intervals=months(12).starting_on("2023-01-01"),
)
measures.define_measure(
    "inhalers", numerator=prescribed.exists_for_patient(), group_by={"sex": patients.sex}
)
measures.define_measure("asthma_records", numerator=recorded.count_for_patient())
