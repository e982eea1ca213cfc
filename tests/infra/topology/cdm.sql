-- The demo hospital as an OMOP CDM 5.4: the tables and columns that the worked mapping reads.
-- People who opted out are not loaded, as a site with a CDM would do it.
\set ON_ERROR_STOP on
begin;
create schema cdm;
create table cdm.cdm_source (cdm_source_name text, source_release_date date not null);
insert into cdm.cdm_source values ('demo hospital', '2025-12-31');
create table cdm.concept (concept_id serial primary key, concept_name text, vocabulary_id text, concept_code text);
insert into cdm.concept (concept_name, vocabulary_id, concept_code)
  select distinct 'a finding', 'SNOMED', rtrim(concept) from hosp.observation;
insert into cdm.concept (concept_name, vocabulary_id, concept_code)
  select distinct 'a medicine', 'dm+d', dmd from hosp.prescription;
create table cdm.person as
  select person_key as person_id, case gender when 'M' then 8507 when 'F' then 8532 else 0 end as gender_concept_id,
    extract(year from dob)::int as year_of_birth, extract(month from dob)::int as month_of_birth,
    null::int as day_of_birth, null::int as care_site_id
  from hosp.person p where not exists (select from hosp.opt_out o where o.person_key = p.person_key);
alter table cdm.person add primary key (person_id);
create table cdm.death as
  select person_key as person_id, dod as death_date, null::int as cause_source_concept_id
  from hosp.person where dod <> '9999-12-31' and person_key in (select person_id from cdm.person);
create table cdm.observation_period as
  select row_number() over () as observation_period_id, person_key as person_id,
    reg_from as observation_period_start_date, least(reg_to, date '2025-12-31') as observation_period_end_date
  from hosp.registration where kind = 'regular' and person_key in (select person_id from cdm.person);
create table cdm.condition_occurrence as
  select row_number() over () as condition_occurrence_id, person_key as person_id, concept_id as condition_concept_id,
    obs_at::date as condition_start_date, concept_id as condition_source_concept_id
  from hosp.observation join cdm.concept on concept_code = rtrim(concept)
  where val is null and person_key in (select person_id from cdm.person);
create table cdm.measurement as
  select row_number() over () as measurement_id, person_key as person_id, concept_id as measurement_concept_id,
    obs_at::date as measurement_date, val as value_as_number, 0 as measurement_source_concept_id
  from hosp.observation join cdm.concept on concept_code = rtrim(concept)
  where val is not null and person_key in (select person_id from cdm.person);
create table cdm.procedure_occurrence (procedure_occurrence_id int, person_id bigint, procedure_concept_id int,
  procedure_date date, procedure_source_concept_id int);
create table cdm.observation (observation_id int, person_id bigint, observation_concept_id int, observation_date date,
  value_as_number numeric, observation_source_concept_id int);
create table cdm.drug_exposure as
  select row_number() over () as drug_exposure_id, person_key as person_id, 0 as drug_concept_id,
    issued as drug_exposure_start_date, concept_id as drug_source_concept_id
  from hosp.prescription join cdm.concept on concept_code = dmd
  where person_key in (select person_id from cdm.person);
create index on cdm.observation_period (person_id);
create index on cdm.condition_occurrence (person_id);
create index on cdm.measurement (person_id);
create index on cdm.drug_exposure (person_id);
grant usage on schema cdm to sallyport_jobs;
grant select on all tables in schema cdm to sallyport_jobs;
analyze;
commit;
