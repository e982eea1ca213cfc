"""Fifty columns over seven tables, for the time that 10,000 dummy patients take."""

from ehrql.tables.core import clinical_events, medications, ons_deaths
from ehrql.tables.tpp import addresses, apcs, patients, practice_registrations, vaccinations

from ehrql import case, create_dataset, days, minimum_of, when

INDEX = "2023-01-01"
CONDITIONS = {
    name: [str(1_000_000_000 + 1_000 * place + 7 * n) for n in range(60)]
    for place, name in enumerate(
        ["asthma", "copd", "diabetes", "stroke", "cancer", "dementia", "depression", "angina"]
    )
}
MEDICINES = {
    name: [str(2_000_000_000 + 1_000 * place + 3 * n) for n in range(40)]
    for place, name in enumerate(["inhalers", "statins", "insulin", "opioids"])
}
BMI = [str(3_000_000_001 + 11 * n) for n in range(20)]

age = patients.age_on(INDEX)
registration = practice_registrations.for_patient_on(INDEX)
address = addresses.for_patient_on(INDEX)
before = clinical_events.where(clinical_events.date.is_on_or_before(INDEX))
after = clinical_events.where(clinical_events.date.is_on_or_between(INDEX, "2023-12-31"))
last_year = medications.where(medications.date.is_on_or_between("2022-01-01", INDEX))

dataset = create_dataset()
dataset.configure_dummy_data(population_size=10_000, timeout=300)
dataset.define_population(
    registration.exists_for_patient()
    & (age >= 18)
    & (age <= 110)
    & patients.is_alive_on(INDEX)
    & patients.sex.is_in(["female", "male"])
)
dataset.age = age
dataset.sex = patients.sex
dataset.band = case(when(age < 40).then("18-39"), when(age < 65).then("40-64"), otherwise="65+")
dataset.region = registration.practice_nuts1_region_name
dataset.practice = registration.practice_pseudo_id
dataset.imd = address.imd_quintile
dataset.rural = address.rural_urban_classification
dataset.death = ons_deaths.date
dataset.cause = ons_deaths.underlying_cause_of_death
dataset.died = patients.date_of_death.is_on_or_between(INDEX, "2023-12-31")
for name, codes in CONDITIONS.items():
    known = before.where(before.snomedct_code.is_in(codes))
    new = after.where(after.snomedct_code.is_in(codes))
    first = known.sort_by(known.date).first_for_patient()
    dataset.add_column(f"{name}_known", known.exists_for_patient())
    dataset.add_column(f"{name}_first", first.date)
    dataset.add_column(f"{name}_new", new.exists_for_patient())
for name, codes in MEDICINES.items():
    issued = last_year.where(last_year.dmd_code.is_in(codes))
    dataset.add_column(f"{name}_n", issued.count_for_patient())
    dataset.add_column(f"{name}_last", issued.date.maximum_for_patient())
bmi = before.where(before.snomedct_code.is_in(BMI)).where(before.numeric_value > 10)
last_bmi = bmi.where(bmi.date >= "2018-01-01").sort_by(bmi.date).last_for_patient()
dataset.bmi = last_bmi.numeric_value
dataset.bmi_date = last_bmi.date
dataset.bmi_mean = bmi.numeric_value.mean_for_patient()
stays = apcs.where(apcs.admission_date.is_on_or_between(INDEX, "2023-12-31"))
dataset.stays = stays.count_for_patient()
dataset.first_stay = stays.admission_date.minimum_for_patient()
covid = vaccinations.where(vaccinations.target_disease == "SARS-2 CORONAVIRUS")
doses = covid.sort_by(covid.date)
dataset.first_dose = doses.first_for_patient().date
dataset.second_dose = (
    doses.where(doses.date > dataset.first_dose + days(14)).first_for_patient().date
)
dataset.end = minimum_of(dataset.death, registration.end_date, "2023-12-31")
