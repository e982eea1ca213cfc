-- scan of practice_registrations
SELECT * INTO scratch.sp_golden_1 FROM (SELECT r.patient_id, CAST(1 AS BIT) AS v1 
FROM (SELECT t.patient_id AS patient_id 
FROM (SELECT practice_registrations.patient_id AS patient_id, practice_registrations.end_date AS end_date, practice_registrations.start_date AS start_date 
FROM practice_registrations) AS t 
WHERE t.start_date <= CAST('2023-01-01' AS DATE) AND (t.end_date >= CAST('2023-01-01' AS DATE) OR t.end_date IS NULL)) AS r GROUP BY r.patient_id) AS made;
CREATE CLUSTERED INDEX sp_golden_1_patient_id ON scratch.sp_golden_1 (patient_id);
-- population (PLN-01)
SELECT * INTO scratch.sp_golden_2 FROM (SELECT t.patient_id, t.sex AS c1, t.date_of_death AS c2 
FROM (SELECT patients.patient_id AS patient_id, patients.date_of_birth AS date_of_birth, patients.date_of_death AS date_of_death, patients.sex COLLATE Latin1_General_100_BIN2 AS sex 
FROM patients) AS t JOIN scratch.sp_golden_1 AS j2 ON j2.patient_id = t.patient_id 
WHERE coalesce(j2.v1, CAST(0 AS BIT)) = 1 AND CASE WHEN (CAST(DATEPART(month, CAST('2023-01-01' AS DATE)) AS BIGINT) * CAST(100 AS BIGINT) + CAST(DATEPART(day, CAST('2023-01-01' AS DATE)) AS BIGINT) < CAST(DATEPART(month, t.date_of_birth) AS BIGINT) * CAST(100 AS BIGINT) + CAST(DATEPART(day, t.date_of_birth) AS BIGINT)) THEN (CAST(DATEPART(year, CAST('2023-01-01' AS DATE)) AS BIGINT) - CAST(DATEPART(year, t.date_of_birth) AS BIGINT)) - CAST(1 AS BIGINT) ELSE CAST(DATEPART(year, CAST('2023-01-01' AS DATE)) AS BIGINT) - CAST(DATEPART(year, t.date_of_birth) AS BIGINT) END >= CAST(18 AS BIGINT)) AS made;
CREATE CLUSTERED INDEX sp_golden_2_patient_id ON scratch.sp_golden_2 (patient_id);
DROP TABLE IF EXISTS scratch.sp_golden_1;
-- pick of clinical_events (PLN-04)
-- of the population alone, if that is a small part of all patients (PLN-02)
SELECT * INTO scratch.sp_golden_3 FROM (SELECT numbered.patient_id, numbered.v1, numbered.v2 
FROM (SELECT r.patient_id AS patient_id, r.c1 AS v1, r.c2 AS v2, row_number() OVER (PARTITION BY r.patient_id ORDER BY r.c1 ASC, r.c2 ASC) AS place 
FROM (SELECT t.patient_id AS patient_id, t.date AS c1, t.numeric_value AS c2 
FROM (SELECT clinical_events.patient_id AS patient_id, clinical_events.date AS date, clinical_events.numeric_value AS numeric_value, clinical_events.snomedct_code COLLATE Latin1_General_100_BIN2 AS snomedct_code 
FROM clinical_events 
WHERE clinical_events.snomedct_code IN (CAST(N'195967001' AS NVARCHAR(4000)), CAST(N'38341003' AS NVARCHAR(4000)))) AS t 
WHERE t.snomedct_code IN (N'195967001', N'38341003')) AS r) AS numbered 
WHERE numbered.place = 1) AS made;
CREATE CLUSTERED INDEX sp_golden_3_patient_id ON scratch.sp_golden_3 (patient_id);
-- collect of clinical_events
-- of the population alone, if that is a small part of all patients (PLN-02)
SELECT * INTO scratch.sp_golden_4 FROM (SELECT DISTINCT t.patient_id, t.date AS v1 
FROM (SELECT clinical_events.patient_id AS patient_id, clinical_events.date AS date, clinical_events.numeric_value AS numeric_value, clinical_events.snomedct_code COLLATE Latin1_General_100_BIN2 AS snomedct_code 
FROM clinical_events 
WHERE clinical_events.snomedct_code IN (CAST(N'195967001' AS NVARCHAR(4000)), CAST(N'38341003' AS NVARCHAR(4000)))) AS t 
WHERE t.snomedct_code IN (N'195967001', N'38341003') AND t.date IS NOT NULL) AS made;
CREATE CLUSTERED INDEX sp_golden_4_patient_id ON scratch.sp_golden_4 (patient_id);
-- scan of clinical_events (PLN-03)
-- of the population alone, if that is a small part of all patients (PLN-02)
SELECT * INTO scratch.sp_golden_5 FROM (SELECT r.patient_id, CAST(count(CASE WHEN r.c4 = 1 THEN 1 END) AS BIGINT) AS v1, CAST(avg(CASE WHEN r.c4 = 1 THEN CAST(r.c1 AS DOUBLE PRECISION) END) AS DOUBLE PRECISION) AS v2, CASE WHEN (count(CASE WHEN (r.c4 = 1 AND r.c5 = 1) THEN 1 END) > 0) THEN CAST(1 AS BIT) ELSE CAST(0 AS BIT) END AS v3, CAST(count(DISTINCT r.c2) AS BIGINT) AS v4, max(r.c3) AS v5 
FROM (SELECT t.patient_id AS patient_id, t.numeric_value AS c1, t.snomedct_code AS c2, t.numeric_value AS c3, CASE WHEN t.snomedct_code IN (N'195967001', N'38341003') THEN CAST(1 AS BIT) WHEN NOT (t.snomedct_code IN (N'195967001', N'38341003')) THEN CAST(0 AS BIT) END AS c4, CASE WHEN t.date > dateadd(day, CAST(30 AS BIGINT), j1.v1) THEN CAST(1 AS BIT) WHEN NOT (t.date > dateadd(day, CAST(30 AS BIGINT), j1.v1)) THEN CAST(0 AS BIT) END AS c5 
FROM (SELECT clinical_events.patient_id AS patient_id, clinical_events.date AS date, clinical_events.numeric_value AS numeric_value, clinical_events.snomedct_code COLLATE Latin1_General_100_BIN2 AS snomedct_code 
FROM clinical_events) AS t LEFT OUTER JOIN scratch.sp_golden_3 AS j1 ON j1.patient_id = t.patient_id) AS r GROUP BY r.patient_id) AS made;
CREATE CLUSTERED INDEX sp_golden_5_patient_id ON scratch.sp_golden_5 (patient_id);
-- count_episodes of clinical_events
-- of the population alone, if that is a small part of all patients (PLN-02)
SELECT * INTO scratch.sp_golden_6 FROM (SELECT runs.patient_id, CAST(sum(CASE WHEN (runs.previous IS NULL OR CAST(datediff(day, runs.previous, runs.date) AS BIGINT) > CAST(14 AS BIGINT)) THEN 1 ELSE 0 END) AS BIGINT) AS v1 
FROM (SELECT t.patient_id AS patient_id, t.date AS date, lag(t.date) OVER (PARTITION BY t.patient_id ORDER BY t.date) AS previous 
FROM (SELECT clinical_events.patient_id AS patient_id, clinical_events.date AS date, clinical_events.numeric_value AS numeric_value, clinical_events.snomedct_code COLLATE Latin1_General_100_BIN2 AS snomedct_code 
FROM clinical_events) AS t 
WHERE t.date IS NOT NULL) AS runs GROUP BY runs.patient_id) AS made;
CREATE CLUSTERED INDEX sp_golden_6_patient_id ON scratch.sp_golden_6 (patient_id);
-- result
SELECT * INTO scratch.sp_golden_7 FROM (SELECT scratch.sp_golden_2.patient_id, CASE WHEN (scratch.sp_golden_2.c1 = CAST(N'female' AS NVARCHAR(4000))) THEN CAST(N'F' AS NVARCHAR(4000)) ELSE CAST(N'other' AS NVARCHAR(4000)) END AS sex, j1.v1 AS first, j1.v2 AS first_value, CASE WHEN (CAST(DATEPART(day, dateadd(month, CAST(6 AS BIGINT), j1.v1)) AS BIGINT) < CAST(DATEPART(day, j1.v1) AS BIGINT)) THEN dateadd(day, CAST(1 AS BIGINT), dateadd(month, CAST(6 AS BIGINT), j1.v1)) ELSE dateadd(month, CAST(6 AS BIGINT), j1.v1) END AS soon, coalesce(j2.v1, CAST(0 AS BIGINT)) AS count, coalesce(j2.v3, CAST(0 AS BIT)) AS recent, j2.v2 AS mean, coalesce(j2.v4, CAST(0 AS BIGINT)) AS different, coalesce(j3.v1, CAST(0 AS BIGINT)) AS episodes, CASE WHEN (CAST(j1.v2 AS BIGINT) - CAST(j1.v2 AS BIGINT) / nullif(CAST(2 AS BIGINT), CAST(0 AS BIGINT)) * nullif(CAST(2 AS BIGINT), CAST(0 AS BIGINT)) != CAST(0 AS BIGINT) AND (CAST(j1.v2 AS BIGINT) < CAST(0 AS BIGINT) AND nullif(CAST(2 AS BIGINT), CAST(0 AS BIGINT)) > CAST(0 AS BIGINT) OR CAST(j1.v2 AS BIGINT) > CAST(0 AS BIGINT) AND nullif(CAST(2 AS BIGINT), CAST(0 AS BIGINT)) < CAST(0 AS BIGINT))) THEN CAST(j1.v2 AS BIGINT) / nullif(CAST(2 AS BIGINT), CAST(0 AS BIGINT)) - CAST(1 AS BIGINT) ELSE CAST(j1.v2 AS BIGINT) / nullif(CAST(2 AS BIGINT), CAST(0 AS BIGINT)) END AS half, CASE WHEN (CAST(j2.v5 AS DOUBLE PRECISION) = CAST(0.0 AS DOUBLE PRECISION) AND CAST(CAST(2.0 AS DOUBLE PRECISION) AS DOUBLE PRECISION) < CAST(0.0 AS DOUBLE PRECISION) OR CAST(j2.v5 AS DOUBLE PRECISION) < CAST(0.0 AS DOUBLE PRECISION) AND CAST(CAST(2.0 AS DOUBLE PRECISION) AS DOUBLE PRECISION) != floor(CAST(CAST(2.0 AS DOUBLE PRECISION) AS DOUBLE PRECISION))) THEN NULL ELSE power(CAST(j2.v5 AS DOUBLE PRECISION), CAST(CAST(2.0 AS DOUBLE PRECISION) AS DOUBLE PRECISION)) END AS square, (SELECT min(parts.value) AS min_1 
FROM (VALUES (j1.v1), (scratch.sp_golden_2.c2), (j4.date)) AS parts (value)) AS earliest, CASE WHEN j4.underlying_cause_of_death IN (N'I219', N'J189') THEN CAST(1 AS BIT) WHEN NOT (j4.underlying_cause_of_death IN (N'I219', N'J189')) THEN CAST(0 AS BIT) END AS known, dateadd(day, 1, eomonth(j1.v1, -1)) AS month, CASE WHEN (NOT (EXISTS (SELECT 1 
FROM scratch.sp_golden_4 AS sp_golden_4_1 
WHERE sp_golden_4_1.patient_id = scratch.sp_golden_2.patient_id))) THEN CAST(0 AS BIT) WHEN (j1.v1 IS NULL) THEN NULL ELSE CASE WHEN EXISTS (SELECT 1 
FROM scratch.sp_golden_4 AS sp_golden_4_1 
WHERE sp_golden_4_1.patient_id = scratch.sp_golden_2.patient_id AND sp_golden_4_1.v1 = j1.v1) THEN CAST(1 AS BIT) WHEN NOT (EXISTS (SELECT 1 
FROM scratch.sp_golden_4 AS sp_golden_4_1 
WHERE sp_golden_4_1.patient_id = scratch.sp_golden_2.patient_id AND sp_golden_4_1.v1 = j1.v1)) THEN CAST(0 AS BIT) END END AS tested 
FROM scratch.sp_golden_2 LEFT OUTER JOIN scratch.sp_golden_3 AS j1 ON j1.patient_id = scratch.sp_golden_2.patient_id LEFT OUTER JOIN scratch.sp_golden_5 AS j2 ON j2.patient_id = scratch.sp_golden_2.patient_id LEFT OUTER JOIN scratch.sp_golden_6 AS j3 ON j3.patient_id = scratch.sp_golden_2.patient_id LEFT OUTER JOIN (SELECT ons_deaths.patient_id AS patient_id, ons_deaths.date AS date, ons_deaths.underlying_cause_of_death COLLATE Latin1_General_100_BIN2 AS underlying_cause_of_death 
FROM ons_deaths) AS j4 ON j4.patient_id = scratch.sp_golden_2.patient_id) AS made;
CREATE CLUSTERED INDEX sp_golden_7_patient_id ON scratch.sp_golden_7 (patient_id);
DROP TABLE IF EXISTS scratch.sp_golden_2;
DROP TABLE IF EXISTS scratch.sp_golden_3;
DROP TABLE IF EXISTS scratch.sp_golden_4;
DROP TABLE IF EXISTS scratch.sp_golden_5;
DROP TABLE IF EXISTS scratch.sp_golden_6;
