-- The tables of the benchmark.
create schema scratch;
create table patients (
  patient_id int primary key, date_of_birth date, sex text, date_of_death date);
create table practice_registrations (
  patient_id int, start_date date, end_date date, practice_pseudo_id int);
create table clinical_events (
  patient_id int, date date, snomedct_code text, numeric_value float8);
create table medications (
  patient_id int, date date, dmd_code text);
create table ons_deaths (
  patient_id int, date date, underlying_cause_of_death text,
  cause_of_death_01 text, cause_of_death_02 text, cause_of_death_03 text, cause_of_death_04 text,
  cause_of_death_05 text, cause_of_death_06 text, cause_of_death_07 text, cause_of_death_08 text,
  cause_of_death_09 text, cause_of_death_10 text, cause_of_death_11 text, cause_of_death_12 text,
  cause_of_death_13 text, cause_of_death_14 text, cause_of_death_15 text);
