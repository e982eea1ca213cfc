-- A million patients who are all in the dataset, to see what memory its download takes.
insert into patients
  select i, date '1950-01-01' + (i % 600) * interval '1 month', case when i % 2 = 0 then 'male' else 'female' end, null
  from generate_series(1, :rows) i;
insert into practice_registrations
  select i, date '2015-01-01', null, i % 1000 from generate_series(1, :rows) i;
insert into clinical_events
  select i, date '2022-01-01' + i % 365, (1000000000 + i % 700)::text, i % 200 from generate_series(1, :rows) i;
insert into medications
  select i, date '2022-01-01' + i % 365, (2000000000 + i % 900)::text from generate_series(1, :rows) i;
