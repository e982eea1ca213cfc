-- Indexes and statistics, once the tables are full.
create index on clinical_events (patient_id);
create index on clinical_events (snomedct_code);
create index on medications (patient_id);
create index on medications (dmd_code);
create index on practice_registrations (patient_id);
vacuum analyze;
