-- scan of practice_registrations
CREATE TABLE scratch.sp_golden_1 (INDEX (patient_id)) AS SELECT r.patient_id, TRUE AS v1 
FROM (SELECT t.patient_id AS patient_id 
FROM (SELECT practice_registrations.patient_id AS patient_id, practice_registrations.end_date AS end_date, practice_registrations.start_date AS start_date 
FROM practice_registrations) AS t 
WHERE t.start_date <= CAST('2023-01-01' AS DATE) AND (t.end_date >= CAST('2023-01-01' AS DATE) OR t.end_date IS NULL)) AS r GROUP BY r.patient_id;
-- population (PLN-01)
CREATE TABLE scratch.sp_golden_2 (INDEX (patient_id)) AS SELECT t.patient_id, t.sex AS c1, t.date_of_death AS c2 
FROM (SELECT patients.patient_id AS patient_id, patients.date_of_birth AS date_of_birth, patients.date_of_death AS date_of_death, convert(patients.sex USING utf8mb4) COLLATE utf8mb4_nopad_bin AS sex 
FROM patients) AS t INNER JOIN scratch.sp_golden_1 AS j2 ON j2.patient_id = t.patient_id 
WHERE coalesce(j2.v1, FALSE) = 1 AND CASE WHEN (CAST(EXTRACT(month FROM CAST('2023-01-01' AS DATE)) AS SIGNED INTEGER) * CAST(100 AS SIGNED INTEGER) + CAST(EXTRACT(day FROM CAST('2023-01-01' AS DATE)) AS SIGNED INTEGER) < CAST(EXTRACT(month FROM t.date_of_birth) AS SIGNED INTEGER) * CAST(100 AS SIGNED INTEGER) + CAST(EXTRACT(day FROM t.date_of_birth) AS SIGNED INTEGER)) THEN (CAST(EXTRACT(year FROM CAST('2023-01-01' AS DATE)) AS SIGNED INTEGER) - CAST(EXTRACT(year FROM t.date_of_birth) AS SIGNED INTEGER)) - CAST(1 AS SIGNED INTEGER) ELSE CAST(EXTRACT(year FROM CAST('2023-01-01' AS DATE)) AS SIGNED INTEGER) - CAST(EXTRACT(year FROM t.date_of_birth) AS SIGNED INTEGER) END >= CAST(18 AS SIGNED INTEGER);
DROP TABLE IF EXISTS scratch.sp_golden_1;
-- pick of clinical_events (PLN-04)
-- of the population alone, if that is a small part of all patients (PLN-02)
CREATE TABLE scratch.sp_golden_3 (INDEX (patient_id)) AS SELECT numbered.patient_id, numbered.v1, numbered.v2 
FROM (SELECT r.patient_id AS patient_id, r.c1 AS v1, r.c2 AS v2, row_number() OVER (PARTITION BY r.patient_id ORDER BY r.c1 ASC, r.c2 ASC) AS place 
FROM (SELECT t.patient_id AS patient_id, t.date AS c1, t.numeric_value AS c2 
FROM (SELECT clinical_events.patient_id AS patient_id, clinical_events.date AS date, clinical_events.numeric_value AS numeric_value, convert(clinical_events.snomedct_code USING utf8mb4) COLLATE utf8mb4_nopad_bin AS snomedct_code 
FROM clinical_events 
WHERE clinical_events.snomedct_code IN (CAST('195967001' AS CHAR), CAST('38341003' AS CHAR))) AS t 
WHERE t.snomedct_code IN ('195967001', '38341003')) AS r) AS numbered 
WHERE numbered.place = 1;
-- collect of clinical_events
-- of the population alone, if that is a small part of all patients (PLN-02)
CREATE TABLE scratch.sp_golden_4 (INDEX (patient_id)) AS SELECT DISTINCT t.patient_id, t.date AS v1 
FROM (SELECT clinical_events.patient_id AS patient_id, clinical_events.date AS date, clinical_events.numeric_value AS numeric_value, convert(clinical_events.snomedct_code USING utf8mb4) COLLATE utf8mb4_nopad_bin AS snomedct_code 
FROM clinical_events 
WHERE clinical_events.snomedct_code IN (CAST('195967001' AS CHAR), CAST('38341003' AS CHAR))) AS t 
WHERE t.snomedct_code IN ('195967001', '38341003') AND t.date IS NOT NULL;
-- scan of clinical_events (PLN-03)
-- of the population alone, if that is a small part of all patients (PLN-02)
CREATE TABLE scratch.sp_golden_5 (INDEX (patient_id)) AS SELECT r.patient_id, CAST(count(CASE WHEN r.c4 = 1 THEN 1 END) AS SIGNED INTEGER) AS v1, CAST(avg(CASE WHEN r.c4 = 1 THEN CAST(r.c1 AS DOUBLE) END) AS DOUBLE) AS v2, CASE WHEN (count(CASE WHEN (r.c4 = 1 AND r.c5 = 1) THEN 1 END) > 0) THEN TRUE ELSE FALSE END AS v3, CAST(count(DISTINCT r.c2) AS SIGNED INTEGER) AS v4, max(r.c3) AS v5 
FROM (SELECT t.patient_id AS patient_id, t.numeric_value AS c1, t.snomedct_code AS c2, t.numeric_value AS c3, t.snomedct_code IN ('195967001', '38341003') AS c4, t.date > CAST(timestampadd(DAY, CAST(30 AS SIGNED INTEGER), j1.v1) AS DATE) AS c5 
FROM (SELECT clinical_events.patient_id AS patient_id, clinical_events.date AS date, clinical_events.numeric_value AS numeric_value, convert(clinical_events.snomedct_code USING utf8mb4) COLLATE utf8mb4_nopad_bin AS snomedct_code 
FROM clinical_events) AS t LEFT OUTER JOIN scratch.sp_golden_3 AS j1 ON j1.patient_id = t.patient_id) AS r GROUP BY r.patient_id;
-- count_episodes of clinical_events
-- of the population alone, if that is a small part of all patients (PLN-02)
CREATE TABLE scratch.sp_golden_6 (INDEX (patient_id)) AS SELECT runs.patient_id, CAST(sum(CASE WHEN (runs.previous IS NULL OR datediff(runs.date, runs.previous) > CAST(14 AS SIGNED INTEGER)) THEN 1 ELSE 0 END) AS SIGNED INTEGER) AS v1 
FROM (SELECT t.patient_id AS patient_id, t.date AS date, lag(t.date) OVER (PARTITION BY t.patient_id ORDER BY t.date) AS previous 
FROM (SELECT clinical_events.patient_id AS patient_id, clinical_events.date AS date, clinical_events.numeric_value AS numeric_value, convert(clinical_events.snomedct_code USING utf8mb4) COLLATE utf8mb4_nopad_bin AS snomedct_code 
FROM clinical_events) AS t 
WHERE t.date IS NOT NULL) AS runs GROUP BY runs.patient_id;
-- result
CREATE TABLE scratch.sp_golden_7 (INDEX (patient_id)) AS SELECT scratch.sp_golden_2.patient_id, CASE WHEN (scratch.sp_golden_2.c1 = CAST('female' AS CHAR)) THEN CAST('F' AS CHAR) ELSE CAST('other' AS CHAR) END AS sex, j1.v1 AS first, j1.v2 AS first_value, CASE WHEN (CAST(EXTRACT(day FROM CAST(timestampadd(MONTH, CAST(6 AS SIGNED INTEGER), j1.v1) AS DATE)) AS SIGNED INTEGER) < CAST(EXTRACT(day FROM j1.v1) AS SIGNED INTEGER)) THEN CAST(timestampadd(DAY, CAST(1 AS SIGNED INTEGER), CAST(timestampadd(MONTH, CAST(6 AS SIGNED INTEGER), j1.v1) AS DATE)) AS DATE) ELSE CAST(timestampadd(MONTH, CAST(6 AS SIGNED INTEGER), j1.v1) AS DATE) END AS soon, coalesce(j2.v1, CAST(0 AS SIGNED INTEGER)) AS count, coalesce(j2.v3, FALSE) AS recent, j2.v2 AS mean, coalesce(j2.v4, CAST(0 AS SIGNED INTEGER)) AS different, coalesce(j3.v1, CAST(0 AS SIGNED INTEGER)) AS episodes, CASE WHEN (CAST(truncate(j1.v2, 0) AS SIGNED INTEGER) - CAST(truncate(j1.v2, 0) AS SIGNED INTEGER) DIV nullif(CAST(2 AS SIGNED INTEGER), CAST(0 AS SIGNED INTEGER)) * nullif(CAST(2 AS SIGNED INTEGER), CAST(0 AS SIGNED INTEGER)) != CAST(0 AS SIGNED INTEGER) AND (CAST(truncate(j1.v2, 0) AS SIGNED INTEGER) < CAST(0 AS SIGNED INTEGER) AND nullif(CAST(2 AS SIGNED INTEGER), CAST(0 AS SIGNED INTEGER)) > CAST(0 AS SIGNED INTEGER) OR CAST(truncate(j1.v2, 0) AS SIGNED INTEGER) > CAST(0 AS SIGNED INTEGER) AND nullif(CAST(2 AS SIGNED INTEGER), CAST(0 AS SIGNED INTEGER)) < CAST(0 AS SIGNED INTEGER))) THEN CAST(truncate(j1.v2, 0) AS SIGNED INTEGER) DIV nullif(CAST(2 AS SIGNED INTEGER), CAST(0 AS SIGNED INTEGER)) - CAST(1 AS SIGNED INTEGER) ELSE CAST(truncate(j1.v2, 0) AS SIGNED INTEGER) DIV nullif(CAST(2 AS SIGNED INTEGER), CAST(0 AS SIGNED INTEGER)) END AS half, CASE WHEN (CAST(j2.v5 AS DOUBLE) = CAST(0.0 AS DOUBLE) AND CAST(CAST(2.0 AS DOUBLE) AS DOUBLE) < CAST(0.0 AS DOUBLE) OR CAST(j2.v5 AS DOUBLE) < CAST(0.0 AS DOUBLE) AND CAST(CAST(2.0 AS DOUBLE) AS DOUBLE) != floor(CAST(CAST(2.0 AS DOUBLE) AS DOUBLE))) THEN NULL ELSE power(CAST(j2.v5 AS DOUBLE), CAST(CAST(2.0 AS DOUBLE) AS DOUBLE)) END AS square, CAST(substring(nullif(least(coalesce(concat('1', j1.v1), '2'), coalesce(concat('1', scratch.sp_golden_2.c2), '2'), coalesce(concat('1', j4.date), '2')), '2'), 2) AS DATE) AS earliest, j4.underlying_cause_of_death IN ('I219', 'J189') AS known, CAST(date_format(j1.v1, '%Y-%m-01') AS DATE) AS month, CASE WHEN (NOT (EXISTS (SELECT 1 
FROM scratch.sp_golden_4 AS sp_golden_4_1 
WHERE sp_golden_4_1.patient_id = scratch.sp_golden_2.patient_id))) THEN FALSE WHEN (j1.v1 IS NULL) THEN NULL ELSE EXISTS (SELECT 1 
FROM scratch.sp_golden_4 AS sp_golden_4_1 
WHERE sp_golden_4_1.patient_id = scratch.sp_golden_2.patient_id AND sp_golden_4_1.v1 = j1.v1) END AS tested 
FROM scratch.sp_golden_2 LEFT OUTER JOIN scratch.sp_golden_3 AS j1 ON j1.patient_id = scratch.sp_golden_2.patient_id LEFT OUTER JOIN scratch.sp_golden_5 AS j2 ON j2.patient_id = scratch.sp_golden_2.patient_id LEFT OUTER JOIN scratch.sp_golden_6 AS j3 ON j3.patient_id = scratch.sp_golden_2.patient_id LEFT OUTER JOIN (SELECT ons_deaths.patient_id AS patient_id, ons_deaths.date AS date, convert(ons_deaths.underlying_cause_of_death USING utf8mb4) COLLATE utf8mb4_nopad_bin AS underlying_cause_of_death 
FROM ons_deaths) AS j4 ON j4.patient_id = scratch.sp_golden_2.patient_id;
DROP TABLE IF EXISTS scratch.sp_golden_2;
DROP TABLE IF EXISTS scratch.sp_golden_3;
DROP TABLE IF EXISTS scratch.sp_golden_4;
DROP TABLE IF EXISTS scratch.sp_golden_5;
DROP TABLE IF EXISTS scratch.sp_golden_6;
