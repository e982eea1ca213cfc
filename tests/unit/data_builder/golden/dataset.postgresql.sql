-- scan of practice_registrations
CREATE UNLOGGED TABLE scratch.sp_golden_1 AS SELECT r.patient_id, CAST(true AS BOOLEAN) AS v1 
FROM (SELECT t.patient_id AS patient_id 
FROM (SELECT practice_registrations.patient_id AS patient_id, practice_registrations.end_date AS end_date, practice_registrations.start_date AS start_date 
FROM practice_registrations) AS t 
WHERE t.start_date <= CAST('2023-01-01' AS DATE) AND (t.end_date >= CAST('2023-01-01' AS DATE) OR t.end_date IS NULL)) AS r GROUP BY r.patient_id;
ANALYZE scratch.sp_golden_1;
-- population (PLN-01)
CREATE UNLOGGED TABLE scratch.sp_golden_2 AS SELECT t.patient_id, t.sex AS c1, t.date_of_death AS c2 
FROM (SELECT patients.patient_id AS patient_id, patients.date_of_birth AS date_of_birth, patients.date_of_death AS date_of_death, patients.sex AS sex 
FROM patients) AS t JOIN scratch.sp_golden_1 AS j2 ON j2.patient_id = t.patient_id 
WHERE coalesce(j2.v1, CAST(false AS BOOLEAN)) AND CASE WHEN (t.date_of_birth <= CAST('2023-01-01' AS DATE)) THEN CAST(date_part('year', age(CAST(CAST('2023-01-01' AS DATE) AS TIMESTAMP WITHOUT TIME ZONE), CAST(t.date_of_birth AS TIMESTAMP WITHOUT TIME ZONE))) AS BIGINT) ELSE CASE WHEN (CAST(date_part('month', CAST('2023-01-01' AS DATE)) AS BIGINT) * CAST(100 AS BIGINT) + CAST(date_part('day', CAST('2023-01-01' AS DATE)) AS BIGINT) < CAST(date_part('month', t.date_of_birth) AS BIGINT) * CAST(100 AS BIGINT) + CAST(date_part('day', t.date_of_birth) AS BIGINT)) THEN (CAST(date_part('year', CAST('2023-01-01' AS DATE)) AS BIGINT) - CAST(date_part('year', t.date_of_birth) AS BIGINT)) - CAST(1 AS BIGINT) ELSE CAST(date_part('year', CAST('2023-01-01' AS DATE)) AS BIGINT) - CAST(date_part('year', t.date_of_birth) AS BIGINT) END END >= CAST(18 AS BIGINT);
ANALYZE scratch.sp_golden_2;
DROP TABLE IF EXISTS scratch.sp_golden_1;
-- scan of clinical_events (PLN-03, PLN-04)
-- of the population alone, if that is a small part of all patients (PLN-02)
CREATE UNLOGGED TABLE scratch.sp_golden_3 AS SELECT r.patient_id, (array_agg(r.c1 ORDER BY r.c1 ASC NULLS FIRST, r.c2 ASC NULLS FIRST) FILTER (WHERE r.c5))[1] AS v1, (array_agg(r.c2 ORDER BY r.c1 ASC NULLS FIRST, r.c2 ASC NULLS FIRST) FILTER (WHERE r.c5))[1] AS v2, CAST(count(1) FILTER (WHERE r.c5) AS BIGINT) AS v3, CAST(avg(CAST(r.c3 AS DOUBLE PRECISION)) FILTER (WHERE r.c5) AS DOUBLE PRECISION) AS v4, CAST(count(DISTINCT (r.c4 COLLATE "C")) AS BIGINT) AS v5, max(r.c2) AS v6 
FROM (SELECT t.patient_id AS patient_id, t.date AS c1, t.numeric_value AS c2, t.numeric_value AS c3, t.snomedct_code AS c4, t.snomedct_code IN ('195967001', '38341003') AS c5 
FROM (SELECT clinical_events.patient_id AS patient_id, clinical_events.date AS date, clinical_events.numeric_value AS numeric_value, clinical_events.snomedct_code AS snomedct_code 
FROM clinical_events) AS t) AS r GROUP BY r.patient_id;
ANALYZE scratch.sp_golden_3;
-- collect of clinical_events
-- of the population alone, if that is a small part of all patients (PLN-02)
CREATE UNLOGGED TABLE scratch.sp_golden_4 AS SELECT DISTINCT t.patient_id, t.date AS v1 
FROM (SELECT clinical_events.patient_id AS patient_id, clinical_events.date AS date, clinical_events.numeric_value AS numeric_value, clinical_events.snomedct_code AS snomedct_code 
FROM clinical_events) AS t 
WHERE t.snomedct_code IN ('195967001', '38341003') AND t.date IS NOT NULL;
ANALYZE scratch.sp_golden_4;
-- count_episodes of clinical_events
-- of the population alone, if that is a small part of all patients (PLN-02)
CREATE UNLOGGED TABLE scratch.sp_golden_5 AS SELECT runs.patient_id, CAST(sum(CASE WHEN (runs.previous IS NULL OR CAST(runs.date - runs.previous AS BIGINT) > CAST(14 AS BIGINT)) THEN 1 ELSE 0 END) AS BIGINT) AS v1 
FROM (SELECT t.patient_id AS patient_id, t.date AS date, lag(t.date) OVER (PARTITION BY t.patient_id ORDER BY t.date) AS previous 
FROM (SELECT clinical_events.patient_id AS patient_id, clinical_events.date AS date, clinical_events.numeric_value AS numeric_value, clinical_events.snomedct_code AS snomedct_code 
FROM clinical_events) AS t 
WHERE t.date IS NOT NULL) AS runs GROUP BY runs.patient_id;
ANALYZE scratch.sp_golden_5;
-- scan of clinical_events
-- of the population alone, if that is a small part of all patients (PLN-02)
CREATE UNLOGGED TABLE scratch.sp_golden_6 AS SELECT r.patient_id, CAST(true AS BOOLEAN) AS v1 
FROM (SELECT t.patient_id AS patient_id 
FROM (SELECT clinical_events.patient_id AS patient_id, clinical_events.date AS date, clinical_events.numeric_value AS numeric_value, clinical_events.snomedct_code AS snomedct_code 
FROM clinical_events) AS t LEFT OUTER JOIN scratch.sp_golden_3 AS j1 ON j1.patient_id = t.patient_id 
WHERE t.snomedct_code IN ('195967001', '38341003') AND t.date > j1.v1 + CAST(CAST(30 AS BIGINT) AS INTEGER)) AS r GROUP BY r.patient_id;
ANALYZE scratch.sp_golden_6;
-- result
CREATE UNLOGGED TABLE scratch.sp_golden_7 AS SELECT scratch.sp_golden_2.patient_id, CASE WHEN (scratch.sp_golden_2.c1 = CAST('female' AS TEXT)) THEN CAST('F' AS TEXT) ELSE CAST('other' AS TEXT) END AS sex, j1.v1 AS first, j1.v2 AS first_value, CASE WHEN (CAST(date_part('day', CAST(j1.v1 + make_interval(0, CAST(CAST(6 AS BIGINT) AS INTEGER)) AS DATE)) AS BIGINT) < CAST(date_part('day', j1.v1) AS BIGINT)) THEN CAST(j1.v1 + make_interval(0, CAST(CAST(6 AS BIGINT) AS INTEGER)) AS DATE) + CAST(CAST(1 AS BIGINT) AS INTEGER) ELSE CAST(j1.v1 + make_interval(0, CAST(CAST(6 AS BIGINT) AS INTEGER)) AS DATE) END AS soon, coalesce(j1.v3, CAST(0 AS BIGINT)) AS count, coalesce(j2.v1, CAST(false AS BOOLEAN)) AS recent, j1.v4 AS mean, coalesce(j1.v5, CAST(0 AS BIGINT)) AS different, coalesce(j3.v1, CAST(0 AS BIGINT)) AS episodes, CASE WHEN (CAST(trunc(j1.v2) AS BIGINT) - CAST(trunc(j1.v2) AS BIGINT) / nullif(CAST(2 AS BIGINT), CAST(0 AS BIGINT)) * nullif(CAST(2 AS BIGINT), CAST(0 AS BIGINT)) != CAST(0 AS BIGINT) AND (CAST(trunc(j1.v2) AS BIGINT) < CAST(0 AS BIGINT) AND nullif(CAST(2 AS BIGINT), CAST(0 AS BIGINT)) > CAST(0 AS BIGINT) OR CAST(trunc(j1.v2) AS BIGINT) > CAST(0 AS BIGINT) AND nullif(CAST(2 AS BIGINT), CAST(0 AS BIGINT)) < CAST(0 AS BIGINT))) THEN CAST(trunc(j1.v2) AS BIGINT) / nullif(CAST(2 AS BIGINT), CAST(0 AS BIGINT)) - CAST(1 AS BIGINT) ELSE CAST(trunc(j1.v2) AS BIGINT) / nullif(CAST(2 AS BIGINT), CAST(0 AS BIGINT)) END AS half, CASE WHEN (CAST(j1.v6 AS DOUBLE PRECISION) = CAST(0.0 AS DOUBLE PRECISION) AND CAST(CAST(2.0 AS DOUBLE PRECISION) AS DOUBLE PRECISION) < CAST(0.0 AS DOUBLE PRECISION) OR CAST(j1.v6 AS DOUBLE PRECISION) < CAST(0.0 AS DOUBLE PRECISION) AND CAST(CAST(2.0 AS DOUBLE PRECISION) AS DOUBLE PRECISION) != floor(CAST(CAST(2.0 AS DOUBLE PRECISION) AS DOUBLE PRECISION))) THEN NULL ELSE power(CAST(j1.v6 AS DOUBLE PRECISION), CAST(CAST(2.0 AS DOUBLE PRECISION) AS DOUBLE PRECISION)) END AS square, least(j1.v1, scratch.sp_golden_2.c2, j4.date) AS earliest, j4.underlying_cause_of_death IN ('I219', 'J189') AS known, CAST(date_trunc('month', j1.v1) AS DATE) AS month, CASE WHEN (NOT (EXISTS (SELECT 1 
FROM scratch.sp_golden_4 AS sp_golden_4_1 
WHERE sp_golden_4_1.patient_id = scratch.sp_golden_2.patient_id))) THEN CAST(false AS BOOLEAN) WHEN (j1.v1 IS NULL) THEN NULL ELSE EXISTS (SELECT 1 
FROM scratch.sp_golden_4 AS sp_golden_4_1 
WHERE sp_golden_4_1.patient_id = scratch.sp_golden_2.patient_id AND sp_golden_4_1.v1 = j1.v1) END AS tested 
FROM scratch.sp_golden_2 LEFT OUTER JOIN scratch.sp_golden_3 AS j1 ON j1.patient_id = scratch.sp_golden_2.patient_id LEFT OUTER JOIN scratch.sp_golden_6 AS j2 ON j2.patient_id = scratch.sp_golden_2.patient_id LEFT OUTER JOIN scratch.sp_golden_5 AS j3 ON j3.patient_id = scratch.sp_golden_2.patient_id LEFT OUTER JOIN (SELECT ons_deaths.patient_id AS patient_id, ons_deaths.date AS date, ons_deaths.underlying_cause_of_death AS underlying_cause_of_death 
FROM ons_deaths) AS j4 ON j4.patient_id = scratch.sp_golden_2.patient_id;
ANALYZE scratch.sp_golden_7;
DROP TABLE IF EXISTS scratch.sp_golden_2;
DROP TABLE IF EXISTS scratch.sp_golden_3;
DROP TABLE IF EXISTS scratch.sp_golden_4;
DROP TABLE IF EXISTS scratch.sp_golden_5;
DROP TABLE IF EXISTS scratch.sp_golden_6;
