-- scan of practice_registrations
CREATE TEMPORARY TABLE sp_golden_1 AS SELECT r.patient_id, 1 AS v1 
FROM (SELECT t.patient_id AS patient_id 
FROM (SELECT practice_registrations.patient_id AS patient_id, practice_registrations.end_date AS end_date, practice_registrations.start_date AS start_date 
FROM practice_registrations) AS t 
WHERE t.start_date <= '2023-01-01' AND (t.end_date >= '2023-01-01' OR t.end_date IS NULL)) AS r GROUP BY r.patient_id;
-- population (PLN-01)
CREATE TEMPORARY TABLE sp_golden_2 AS SELECT t.patient_id, t.sex AS c1, t.date_of_death AS c2 
FROM (SELECT patients.patient_id AS patient_id, patients.date_of_birth AS date_of_birth, patients.date_of_death AS date_of_death, patients.sex AS sex 
FROM patients) AS t JOIN scratch.sp_golden_1 AS j2 ON j2.patient_id = t.patient_id 
WHERE coalesce(j2.v1, 0) = 1 AND whole_years(t.date_of_birth, '2023-01-01') >= 18;
DROP TABLE IF EXISTS scratch.sp_golden_1;
-- pick of clinical_events (PLN-04)
-- of the population alone, if that is a small part of all patients (PLN-02)
CREATE TEMPORARY TABLE sp_golden_3 AS SELECT numbered.patient_id, numbered.v1, numbered.v2 
FROM (SELECT r.patient_id AS patient_id, r.c1 AS v1, r.c2 AS v2, row_number() OVER (PARTITION BY r.patient_id ORDER BY r.c1 ASC NULLS FIRST, r.c2 ASC NULLS FIRST) AS place 
FROM (SELECT t.patient_id AS patient_id, t.date AS c1, t.numeric_value AS c2 
FROM (SELECT clinical_events.patient_id AS patient_id, clinical_events.date AS date, clinical_events.numeric_value AS numeric_value, clinical_events.snomedct_code AS snomedct_code 
FROM clinical_events) AS t 
WHERE t.snomedct_code IN ('195967001', '38341003')) AS r) AS numbered 
WHERE numbered.place = 1;
-- collect of clinical_events
-- of the population alone, if that is a small part of all patients (PLN-02)
CREATE TEMPORARY TABLE sp_golden_4 AS SELECT DISTINCT t.patient_id, t.date AS v1 
FROM (SELECT clinical_events.patient_id AS patient_id, clinical_events.date AS date, clinical_events.numeric_value AS numeric_value, clinical_events.snomedct_code AS snomedct_code 
FROM clinical_events) AS t 
WHERE t.snomedct_code IN ('195967001', '38341003') AND t.date IS NOT NULL;
-- scan of clinical_events (PLN-03)
-- of the population alone, if that is a small part of all patients (PLN-02)
CREATE TEMPORARY TABLE sp_golden_5 AS SELECT r.patient_id, CAST(count(1) FILTER (WHERE r.c4 = 1) AS BIGINT) AS v1, CAST(avg(CAST(r.c1 AS DOUBLE)) FILTER (WHERE r.c4 = 1) AS DOUBLE) AS v2, CASE WHEN (count(1) FILTER (WHERE r.c4 = 1 AND r.c5 = 1) > 0) THEN 1 ELSE 0 END AS v3, CAST(count(DISTINCT r.c2) AS BIGINT) AS v4, max(r.c3) AS v5 
FROM (SELECT t.patient_id AS patient_id, t.numeric_value AS c1, t.snomedct_code AS c2, t.numeric_value AS c3, t.snomedct_code IN ('195967001', '38341003') AS c4, t.date > date(j1.v1, CAST(30 AS TEXT) || ' days') AS c5 
FROM (SELECT clinical_events.patient_id AS patient_id, clinical_events.date AS date, clinical_events.numeric_value AS numeric_value, clinical_events.snomedct_code AS snomedct_code 
FROM clinical_events) AS t LEFT OUTER JOIN scratch.sp_golden_3 AS j1 ON j1.patient_id = t.patient_id) AS r GROUP BY r.patient_id;
-- count_episodes of clinical_events
-- of the population alone, if that is a small part of all patients (PLN-02)
CREATE TEMPORARY TABLE sp_golden_6 AS SELECT runs.patient_id, CAST(sum(CASE WHEN (runs.previous IS NULL OR CAST(round(julianday(runs.date) - julianday(runs.previous)) AS BIGINT) > 14) THEN 1 ELSE 0 END) AS BIGINT) AS v1 
FROM (SELECT t.patient_id AS patient_id, t.date AS date, lag(t.date) OVER (PARTITION BY t.patient_id ORDER BY t.date) AS previous 
FROM (SELECT clinical_events.patient_id AS patient_id, clinical_events.date AS date, clinical_events.numeric_value AS numeric_value, clinical_events.snomedct_code AS snomedct_code 
FROM clinical_events) AS t 
WHERE t.date IS NOT NULL) AS runs GROUP BY runs.patient_id;
-- result
CREATE TEMPORARY TABLE sp_golden_7 AS SELECT scratch.sp_golden_2.patient_id, CASE WHEN (scratch.sp_golden_2.c1 = 'female') THEN 'F' ELSE 'other' END AS sex, j1.v1 AS first, j1.v2 AS first_value, add_months(j1.v1, 6) AS soon, coalesce(j2.v1, 0) AS count, coalesce(j2.v3, 0) AS recent, j2.v2 AS mean, coalesce(j2.v4, 0) AS different, coalesce(j3.v1, 0) AS episodes, floor_divide(CAST(j1.v2 AS BIGINT), 2) AS half, power(CAST(j2.v5 AS DOUBLE), CAST(2.0 AS DOUBLE)) AS square, least_of(j1.v1, scratch.sp_golden_2.c2, j4.date) AS earliest, j4.underlying_cause_of_death IN ('I219', 'J189') AS known, date(j1.v1, 'start of month') AS month, CASE WHEN (NOT (EXISTS (SELECT 1 
FROM scratch.sp_golden_4 AS sp_golden_4_1 
WHERE sp_golden_4_1.patient_id = scratch.sp_golden_2.patient_id))) THEN 0 WHEN (j1.v1 IS NULL) THEN NULL ELSE EXISTS (SELECT 1 
FROM scratch.sp_golden_4 AS sp_golden_4_1 
WHERE sp_golden_4_1.patient_id = scratch.sp_golden_2.patient_id AND sp_golden_4_1.v1 = j1.v1) END AS tested 
FROM scratch.sp_golden_2 LEFT OUTER JOIN scratch.sp_golden_3 AS j1 ON j1.patient_id = scratch.sp_golden_2.patient_id LEFT OUTER JOIN scratch.sp_golden_5 AS j2 ON j2.patient_id = scratch.sp_golden_2.patient_id LEFT OUTER JOIN scratch.sp_golden_6 AS j3 ON j3.patient_id = scratch.sp_golden_2.patient_id LEFT OUTER JOIN (SELECT ons_deaths.patient_id AS patient_id, ons_deaths.date AS date, ons_deaths.underlying_cause_of_death AS underlying_cause_of_death 
FROM ons_deaths) AS j4 ON j4.patient_id = scratch.sp_golden_2.patient_id;
DROP TABLE IF EXISTS scratch.sp_golden_2;
DROP TABLE IF EXISTS scratch.sp_golden_3;
DROP TABLE IF EXISTS scratch.sp_golden_4;
DROP TABLE IF EXISTS scratch.sp_golden_5;
DROP TABLE IF EXISTS scratch.sp_golden_6;
