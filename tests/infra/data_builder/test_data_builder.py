"""Mappings on the runner's host, and plans that a real PostgreSQL answers."""

from __future__ import annotations

import csv
import gzip
import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest
import yaml
from testinfra.host import Host

HOSTS = ["database"]
ROOT = Path(__file__).parents[3]
STUDY = ROOT / "files/demo_study"
BACKENDS = "/etc/sallyport/data_builder/backends"
UNIT = "sallyport-data-builder-check"
METRICS = "/var/lib/prometheus/node-exporter/sallyport_data_builder.prom"
CHECK = "sallyport_data_builder_check"
COUNTS = """
select count(*), count(*) filter (where exists (
  select from hosp.observation o where o.person_key = p.person_key
    and rtrim(o.concept) = '195967001' and o.obs_at < '2023-04-02'))
from hosp.person p
where exists (select from hosp.registration r where r.person_key = p.person_key
    and kind = 'regular' and reg_from <= '2023-04-01' and reg_to >= '2023-04-01')
  and extract(year from age(date '2023-04-01', date_trunc('month', dob))) between 18 and 110
  and dod > '2023-04-01'
  and not exists (select from hosp.opt_out x where x.person_key = p.person_key)
"""


def query(host: Host, statement: str) -> str:
    """Ask the database as its administrator."""
    command = "runuser -u postgres -- psql -d hospital -qAt -F , --set=ON_ERROR_STOP=1 -c %s"
    return str(host.check_output(command, statement))


@pytest.fixture(scope="module")
def runner() -> Host:
    """The host that starts jobs."""
    from conftest import reach

    return reach("runner")


@pytest.fixture(scope="module")
def environment(
    host: Host, runner: Host, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, str]:
    """What the execute container has: mappings and authority of the runner, and the URL's file."""
    folder = tmp_path_factory.mktemp("execute")
    (folder / "backends").mkdir()
    for name in ("hospital.toml", "ca.pem"):
        (folder / "backends" / name).write_text(runner.file(f"{BACKENDS}/{name}").content_string)
    secrets = yaml.safe_load((ROOT / "inventories/demo/group_vars/all/vault.yml").read_text())
    addresses = host.check_output("hostname -I").split()
    address = next(item for item in addresses if item.split(".")[2] == "2")
    url = (
        f"postgresql://sallyport_jobs:{secrets['vault_database_job_password']}"
        f"@database.sallyport.test:5432/hospital?hostaddr={address}"
        f"&sslmode=verify-full&sslrootcert={folder}/backends/ca.pem"
    )
    (folder / "url").write_text(url)
    kept = {key: value for key, value in os.environ.items() if key in ("PATH", "LANG", "HOME")}
    return kept | {
        "DATABASE_URL_FILE": str(folder / "url"),
        "DATA_BUILDER_BACKENDS": str(folder / "backends"),
        "OPENSAFELY_BACKEND": "hospital",
        "DATA_BUILDER_JOB_ID": "infra1",
    }


def data_builder(
    environment: Mapping[str, str], *words: str, folder: Path = STUDY
) -> subprocess.CompletedProcess[str]:
    """Run the program of the image."""
    program = Path(sys.executable).parent / "data-builder"
    return subprocess.run(
        [program, *words], env=environment, cwd=folder, capture_output=True, text=True, check=False
    )


@pytest.fixture(scope="module")
def plan(environment: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> str:
    """The demo study's plan."""
    path = str(tmp_path_factory.mktemp("plan") / "plan.json")
    done = data_builder(environment, "compile", "analysis/dataset_definition.py", "--plan", path)
    assert done.returncode == 0, done.stderr
    return path


def test_jobs_read_the_mappings_and_nobody_else_writes_them(runner: Host) -> None:
    folder = runner.file(BACKENDS)
    assert sorted(folder.listdir()) == ["ca.pem", "hospital.toml"]
    assert (folder.user, oct(folder.mode)) == ("root", "0o755")
    mapping = runner.file(f"{BACKENDS}/hospital.toml")
    assert (mapping.user, oct(mapping.mode)) == ("root", "0o644")


def test_the_host_has_scripts_and_no_program_of_the_data_builder(runner: Host) -> None:
    names = runner.file("/opt/sallyport/data_builder").listdir()
    assert sorted(names) == ["check", "clean", "container.py"]
    for name in names:
        script = runner.file(f"/opt/sallyport/data_builder/{name}")
        assert (script.user, oct(script.mode)) == ("root", "0o755")
    assert runner.run("/usr/bin/python3 -c 'import sallyport_data_builder'").rc == 1


def test_the_address_of_the_database_is_read_by_jobs_account_and_root_alone(runner: Host) -> None:
    secret = runner.file("/etc/sallyport/data_builder/secrets/database_url")
    assert (secret.user, secret.gid, oct(secret.mode)) == ("root", 10000, "0o440")
    assert "postgresql://" in secret.content_string
    shown = runner.check_output("systemctl show %s; systemctl cat %s", UNIT, UNIT)
    assert "check full" in shown
    assert "postgresql://" not in shown


def findings(runner: Host) -> dict[str, str]:
    """Return the metrics by name and labels."""
    lines = runner.file(METRICS).content_string.splitlines()
    return dict(line.rsplit(" ", 1) for line in lines if not line.startswith("#"))


def test_chk_r5_the_timer_s_service_checks_every_row_and_writes_metrics(runner: Host) -> None:
    timer = runner.service(f"{UNIT}.timer")
    assert timer.is_enabled
    assert timer.is_running
    runner.check_output("systemctl start %s.service", UNIT)
    found = findings(runner)
    assert found[f'{CHECK}{{backend="hospital",id="CHK-14",status="ok"}}'] == "5"
    assert found[f'{CHECK}{{backend="hospital",id="CHK-14",status="fail"}}'] == "0"
    assert float(found[f'{CHECK}_last_good_seconds{{backend="hospital"}}']) > 1.7e9
    report = runner.file("/var/lib/sallyport/data_builder/hospital-full.json")
    assert json.loads(report.content_string)["summary"]["fail"] == 0
    assert oct(report.mode) == "0o640"


def test_chk_r5_a_failed_check_is_counted_and_the_last_good_run_stays(
    host: Host, runner: Host
) -> None:
    runner.check_output("systemctl start %s.service", UNIT)
    good = findings(runner)[f'{CHECK}_last_good_seconds{{backend="hospital"}}']
    query(host, "revoke select on hosp.prescription from sallyport_jobs")
    try:
        assert runner.run("systemctl start %s.service", UNIT).rc != 0
        live = runner.run("/opt/sallyport/data_builder/check live")
    finally:
        query(host, "grant select on hosp.prescription to sallyport_jobs")
    found = findings(runner)
    assert found[f'{CHECK}{{backend="hospital",id="CHK-07",status="fail"}}'] == "1"
    assert found[f'{CHECK}_last_good_seconds{{backend="hospital"}}'] == good
    assert live.rc == 1
    assert "fail CHK-07  medications may not be read: grant select" in live.stdout
    assert runner.run("/opt/sallyport/data_builder/check live").rc == 0


def test_the_mapping_proves_itself(environment: dict[str, str], tmp_path: Path) -> None:
    report = tmp_path / "report.json"
    done = data_builder(environment, "check-backend", "hospital", "--json", str(report))
    assert done.returncode == 0, done.stdout + done.stderr
    assert json.loads(report.read_text())["summary"]["fail"] == 0


def test_the_demo_study_gives_what_the_database_holds(
    host: Host, environment: dict[str, str], plan: str, tmp_path: Path
) -> None:
    words = ("execute", plan, "--command", "generate-dataset", "x.py", "--output", "o/d.csv.gz")
    done = data_builder(environment, *words, folder=tmp_path)
    assert done.returncode == 0, done.stderr
    with gzip.open(tmp_path / "o/d.csv.gz", "rt") as stream:
        rows = list(csv.DictReader(stream))
    found = (len(rows), sum(row["has_asthma"] == "T" for row in rows))
    assert ",".join(map(str, found)) == query(host, COUNTS)
    assert found[0] > 20_000
    assert query(host, "select count(*) from pg_tables where schemaname = 'scratch'") == "0"


def test_what_an_interrupted_job_left_is_found_and_dropped(
    host: Host, environment: dict[str, str]
) -> None:
    made = "set session authorization sallyport_jobs; create table scratch.{} (i int)"
    for name in ("sp_gone_1", "sp_other_1"):
        query(host, made.format(name))
    done = data_builder(environment, "clean-scratch", "--job", "gone")
    assert done.returncode == 0, done.stderr
    assert query(host, LEFT) == "sp_other_1"
    query(host, "drop table scratch.sp_other_1")


LEFT = """
select string_agg(tablename, ' ' order by tablename) from pg_tables where schemaname = 'scratch'"""


def test_the_timer_drops_what_ended_jobs_left_and_nothing_else(host: Host, runner: Host) -> None:
    """A job's record, as the runner writes it at the end, makes the difference."""
    timer = runner.service("sallyport-data-builder-clean.timer")
    assert timer.is_enabled
    assert timer.is_running
    record = "f=/srv/high_privacy/logs/2026-11/os-job-%s; mkdir -p $f && echo {} > $f/metadata.json"
    made = "create table scratch.{0} (); alter table scratch.{0} owner to sallyport_jobs"
    for name in ("sp_gone1_1", "sp_gone1_2", "sp_alive1_1", "sp_local_1"):
        query(host, made.format(name))
    try:
        runner.check_output(record, "gone1")
        runner.check_output("systemctl start sallyport-data-builder-clean.service")
        assert query(host, LEFT).split() == ["sp_alive1_1", "sp_local_1"]
        runner.check_output(record, "alive1")
        runner.check_output("systemctl start sallyport-data-builder-clean.service")
        assert query(host, LEFT) == "sp_local_1"
    finally:
        query(host, "drop table scratch.sp_local_1")
        runner.check_output("rm -rf /srv/high_privacy/logs/2026-11/os-job-*1")


def test_a_broken_mapping_is_named_without_values(
    environment: dict[str, str], tmp_path: Path
) -> None:
    text = (Path(environment["DATA_BUILDER_BACKENDS"]) / "hospital.toml").read_text()
    (tmp_path / "hospital.toml").write_text(
        text.replace("cast(val as double precision)", "val").replace("hosp.opt_out", "hosp.opted")
    )
    done = data_builder(
        environment | {"DATA_BUILDER_BACKENDS": str(tmp_path)}, "check-backend", "hospital"
    )
    assert done.returncode == 1
    failed = [line.split() for line in done.stdout.splitlines() if line.startswith("fail")]
    assert [line[1] for line in failed] == ["CHK-08", "CHK-13"]
    assert "clinical_events.numeric_value is numeric; make it double precision" in done.stdout


def test_an_unreachable_database_may_be_tried_again(
    environment: dict[str, str], plan: str, tmp_path: Path
) -> None:
    wrong = tmp_path / "url"
    url = Path(environment["DATABASE_URL_FILE"]).read_text()
    wrong.write_text(url.replace(":5432", ":5433"))
    done = data_builder(
        environment | {"DATABASE_URL_FILE": str(wrong)}, "execute", plan, "--output", "a.csv",
        folder=tmp_path,
    )  # fmt: skip
    assert done.returncode == 3, done.stderr
    assert url.split(":")[2].split("@")[0] not in done.stderr


def test_iso_07_the_image_stops_what_study_code_may_not_do(runner: Host) -> None:
    """The control is the same image as root, with a network and a root that can be written."""
    listed = "docker image ls --format '{{.Repository}}:{{.Tag}}'"
    image = next(line for line in runner.check_output(listed).split() if "/databuilder:" in line)
    closed = (
        "--network none --cap-drop ALL --security-opt no-new-privileges --read-only "
        "--user 10000:10000 --tmpfs /tmp --tmpfs /workspace"
    )
    told = runner.check_output(f"docker run --rm {closed} {image} isolation-report")
    assert "NOT STOPPED" not in told
    assert told.count("\nstopped") > 40
    assert told.count("\nworks ") == 2
    control = runner.check_output(f"docker run --rm --user 0 {image} isolation-report")
    lines = [line for line in control.splitlines() if line.startswith("NOT STOPPED")]
    assert ["container" in line for line in lines] == [True] * len(lines)
    assert len(lines) > 1
