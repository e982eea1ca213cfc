"""Adults who are registered on the index date, with three conditions and two treatments."""

from ehrql.tables.core import clinical_events, medications, patients, practice_registrations

from ehrql import case, codelist_from_csv, create_dataset, when, years

INDEX_DATE = "2023-04-01"
asthma_codes = codelist_from_csv("codelists/asthma.csv", column="code")
conditions = codelist_from_csv(
    "codelists/conditions.csv", column="code", category_column="condition"
)
inhalers = ["39113611000001102", "39113311000001107"]
systolic = "271649006"

registration = practice_registrations.for_patient_on(INDEX_DATE)
age = patients.age_on(INDEX_DATE)
before = clinical_events.where(clinical_events.date.is_on_or_before(INDEX_DATE))
asthma = before.where(before.snomedct_code.is_in(asthma_codes))
other = before.where(before.snomedct_code.is_in(conditions)).sort_by(before.date)
pressure = (
    before.where(before.snomedct_code == systolic)
    .except_where(before.numeric_value.is_null())
    .sort_by(before.date)
    .last_for_patient()
)
recent_inhalers = medications.where(medications.dmd_code.is_in(inhalers)).where(
    medications.date.is_on_or_between(patients.date_of_birth + years(1), INDEX_DATE)
)

dataset = create_dataset()
dataset.configure_dummy_data(population_size=1000)
dataset.define_population(
    registration.exists_for_patient()
    & (age >= 18)
    & (age <= 110)
    & patients.is_alive_on(INDEX_DATE)
)
dataset.sex = patients.sex
dataset.age = age
dataset.age_band = case(
    when(age < 40).then("18-39"),
    when(age < 65).then("40-64"),
    otherwise="65 and over",
)
dataset.practice = registration.practice_pseudo_id
dataset.has_asthma = asthma.exists_for_patient()
dataset.asthma_first = asthma.sort_by(asthma.date).first_for_patient().date
dataset.latest_condition = other.last_for_patient().snomedct_code.to_category(
    conditions, default="none"
)
dataset.has_other_condition = other.exists_for_patient()
dataset.systolic_date = pressure.date
dataset.systolic = pressure.numeric_value
dataset.inhalers = recent_inhalers.count_for_patient()
dataset.inhaler_days = recent_inhalers.date.count_distinct_for_patient()
