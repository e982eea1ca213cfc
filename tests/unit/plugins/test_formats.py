"""The forms of values: what each accepts, and a near miss that it refuses."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from ansible_collections.sallyport.site.plugins.plugin_utils import (
    calendar,
    faults,
    inventory_files,
)
from ansible_collections.sallyport.site.plugins.plugin_utils import inventory_model as model
from ansible_collections.sallyport.site.plugins.plugin_utils.declared_values import Judge, described
from ansible_collections.sallyport.site.plugins.plugin_utils.formats import (
    FORMATS,
    ORGANISATION,
    size_of,
)
from sallyport_common import outputs
from sallyport_proxy import policy
from sallyport_study import places

# Format: what it accepts, and what it refuses.
CASES: dict[str, tuple[list[object], list[object]]] = {
    "port": ([1, 65535], [0, 65536, -5]),
    "size": (["512M", "4G"], ["4 GB", "4g", "0G", "G", "4.5G", "4"]),
    "nginx_size": (["1m", "17m", "512"], ["1 m", "1MB", ""]),
    "oidc_scopes": (["openid", "openid profile email"], ["profile", "openid,email", "openid  x"]),
    "global_role": (["admin", "output_checker"], ["researcher", "", "Admin"]),
    "claim": (["groups", "https://example.org/roles"], ["", "user name"]),
    "network": (
        ["10.0.0.0/8", "10.1.2.3/32"],
        ["10.0.0.1/8", "10.0.0.0", "10.0.0.0/33", "fd00::/8"],
    ),
    "address": (
        ["10.1.2.3"],
        ["127.0.0.1", "240.0.0.1/8", "224.0.0.1", "host", "10.1.2.3/24", "::1"],
    ),
    "interface": (["10.211.0.1/24"], ["10.211.0.0/24", "10.211.0.255/24", "10.211.0.1", "x/24"]),
    "peer": (["10.1.2.3", "10.1.0.0/16", "fd00::/64"], ["10.1.0.5/16", "any", "office"]),
    "flow_peer": (["any", "10.1.2.3"], ["office"]),
    "listen": (["443", "10.0.0.1:443", "[::1]:443"], ["https", "", "99999", "0", "10.0.0:443"]),
    "memory": (["6M", "4G"], ["5M", "4K", "4", ""]),
    "output_size": (["16M", "1K", "16384K"], ["17M", "1G", "16", ""]),
    "limit": ([1, 1024**4], [0, 1024**4 + 1]),
    "file_type": ([".csv", ".jpeg", ".svgz"], [".xlsx", "csv", ".CSV", ".svgzz"]),
    "host_or_address": (
        ["ntp.ubuntu.com", "ntp", "10.20.0.1", "0.debian.pool.ntp.org"],
        ["10.20.0.300", "10.20.0", "10", "a b", ""],
    ),
    "role_attributes": (["NOSUPERUSER,CREATEDB", "login"], ["NOSUPERUSR", "LOGIN, NOLOGIN", ""]),
    "flow": (["F1 mail-relay", "a" * 32], ["", "mail: out", "a" * 33]),
    "archive_word": (["ubuntu", "noble-updates"], ["", "a/b", "-a", "a" * 65]),
    "setting": (
        ["work_mem", "auto_explain.log_min_duration", "TimeZone"],
        ["max connections", "9x", ""],
    ),
    "setting_value": (["64MB", 5, True, "it's"], ["a\nb"]),
    "image_pattern": (["sallyport/*", "a/b-*"], ["*", "/python", "a//b", "A/b"]),
    "listen_address": (["localhost", "10.0.0.1"], ["127.0.0.2", "db"]),
    "https_url": (
        ["https://a.example.org", "https://a.example.org:8443/path"],
        [
            *("http://a.example.org", "a.example.org", "https://", "https://a b.example.org"),
            *("https://u:p@a.example.org", "https://a.example.org?x=1", "https://a.example.org#x"),
            *("https://A.example.org", "https://a.example.org/", "HTTPS://a.example.org"),
            *("https://a.example.org:0", "https://a.example.org:x", "https://-a.example.org"),
        ],
    ),
    "https_origin": (
        ["https://a.example.org", "https://a.example.org:8443"],
        ["https://a.example.org/path", "https://a.example.org/"],
    ),
    "archive_url": (
        ["http://archive.ubuntu.com/ubuntu", "https://a.example.org:8443/x/y-1.0"],
        [
            *("ftp://archive.ubuntu.com/ubuntu", "http://archive.ubuntu.com/ubuntu/"),
            *("http://archive.ubuntu.com/~me", "http://archive.ubuntu.com//ubuntu"),
        ],
    ),
    "database_url": (["postgresql://u:p@db:5432/x", "mssql+pymssql://u:p@db/x"], ["db", "://db"]),
    "job_server_database_url": (
        ["sqlite:////var/x.sqlite3", "postgresql+psycopg://u@db/x?sslmode=verify-full"],
        [
            "sqlite:///x",
            "sqlite:////",
            "postgresql://u:p@db/x",
            "postgresql://u@db/x?sslmode=require",
        ],
    ),
    "domain": (["tre.example.org"], ["example", "TRE.example.org", "a..b", "a_b.org", ".org"]),
    "backend": (
        ["hospital", "nhs-1"],
        ["h", "Hospital", "test", "expectations", "-x", "x-", "a" * 41],
    ),
    "organisation": (
        ["our-org", "A1", "mona_acme", "a" * 39],
        ["_x", "-x", "x-", "a--b", "a/b", "*", "a" * 40, ""],
    ),
    "organisation_pattern": (["*", "our-*", "*-team", "mona_acme"], ["", "a/b", "-x"]),
    "image_tag": (["python:v2"], ["python", "Python:v2", "python:v 2"]),
    "digest": ([f"sha256:{'a' * 64}"], ["sha256:abc", "a" * 64, f"sha256:{'A' * 64}"]),
    "token": (["a" * 20], ["a" * 19, f"{'a' * 20} {'a' * 20}", "a" * 30 + "\n"]),
    "credential": (["user:password"], ["user", ":password", "user:"]),
    "username": (["admin", "a.b-c"], ["", "a b", "-a"]),
    "mode": (["0640", "640"], ["0800", "rw"]),
    "text": (["Our site"], ["", " ", "two\nlines"]),
}


@pytest.mark.parametrize("name", CASES)
def test_a_form_accepts_its_own_and_refuses_near_misses(name: str) -> None:
    accepted, refused = CASES[name]
    assert [value for value in accepted if not FORMATS[name].accepts(value)] == []
    assert [value for value in refused if FORMATS[name].accepts(value)] == []


@pytest.mark.parametrize(
    "text",
    [
        *("hourly", "Sun 03:00", "*-*-* *:*:0/30", "Mon..Fri 08:00", "Sat,Sun *-1..6-1 04:30:15"),
        *(
            "2030-01-01",
            "*-02~1",
            "12:00 UTC",
            "03:00 Europe/London",
            "*:0/15",
            "Mon *-*-1..7 04:00",
        ),
    ],
)
def test_systemd_schedules_are_accepted(text: str) -> None:
    assert calendar.is_expression(text) or text in calendar.WORDS
    assert calendar.is_schedule(text)


@pytest.mark.parametrize(
    "text",
    [
        *("every sunday", "25:00", "12:60", "*/5 * * * *", "", " ", "Sunday at three", "03.00"),
        *("*-13-01", "UTC", "Sun 03:00 04:00", "3am", "@daily", "2030-01-01T03:00"),
    ],
)
def test_what_is_no_schedule_is_refused_with_and_without_systemd(
    text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert not calendar.is_schedule(text)
    monkeypatch.setattr("shutil.which", lambda _: None)
    calendar.systemd_accepts.cache_clear()
    assert not calendar.is_schedule(text)
    assert calendar.is_schedule("Sun 03:00")
    calendar.systemd_accepts.cache_clear()


def test_a_date_that_never_comes_is_refused_where_systemd_says_so() -> None:
    assert not calendar.is_schedule("2020-01-01 00:00")
    assert calendar.is_schedule("2199-01-01 00:00")


def test_a_free_mapping_has_strings_as_keys() -> None:
    judge = Judge({"x.<value>": "digest"})
    assert judge.faults("x", {"type": "dict"}, {5: "a"}) == [
        "x has the key 5; accepted is a string.",
        "x.5 is a; accepted is sha256: and 64 hexadecimal digits.",
    ]


def test_a_whole_number_is_a_number_and_true_is_none() -> None:
    judge = Judge({})
    assert judge.faults("x", {"type": "float"}, 2) == []
    assert judge.faults("x", {"type": "int"}, True)
    assert judge.faults("x", {"type": "raw"}, object()) == []
    assert described({"choices": ["", "a"]}) == "one of nothing, a"


def test_a_secret_inside_a_value_is_not_shown() -> None:
    option = {
        "type": "list",
        "elements": "dict",
        "options": {"word": {"type": "str", "no_log": True}},
    }
    (told,) = Judge({"x[].word": "token"}).faults("x", option, [{"word": "hunter2"}])
    assert "hunter2" not in told
    assert "x[0].word" in told


def test_keys_that_a_file_has_twice_are_found_at_any_depth(tmp_path: Path) -> None:
    text = "a: 1\nb:\n  - {c: 1, d: 2, c: 3}\n<<: {}\na: 2\nsecret: !vault |\n  x\n"
    path = tmp_path / "x.yml"
    repeated = inventory_files.duplicate_keys(path, inventory_files.tree(text))
    assert repeated == [(f"{path}:3", "c"), (f"{path}:5", "a")]
    assert inventory_files.duplicate_keys(path, inventory_files.tree("a: [\n")) == []


def test_the_definition_of_a_value_is_that_of_the_nearest_file() -> None:
    groups = {"all": ["a", "b"], "x": ["a"], "y": ["b"]}
    files = ["group_vars/all/main.yml", "group_vars/y.yml", "group_vars/x/more.yml"]
    files += ["host_vars/b.yml", "host_vars/a/own.yml"]

    def nearest(host: str, number: int) -> str:
        places = tuple(f"inventory/{name}:7" for name in files[:number])
        inventory = model.Inventory(groups, {}, lambda *_: None, definitions={"v": places})
        return inventory.definition(host, "v").removeprefix("inventory/")

    assert [nearest("a", number) for number in range(6)] == [
        "", f"{files[0]}:7", f"{files[0]}:7", f"{files[2]}:7", f"{files[2]}:7", f"{files[4]}:7",
    ]  # fmt: skip
    assert nearest("b", 3) == f"{files[1]}:7"


def test_tags_are_read_at_every_depth(tmp_path: Path) -> None:
    play = [{"hosts": "all", "tags": "one, two", "roles": [{"role": "x", "tags": ["three"]}]}]
    (tmp_path / "site.yml").write_text(yaml.safe_dump(play))
    assert model.Distribution(tmp_path).tags == {"one", "two", "three"}


def test_hosts_of_a_pattern() -> None:
    inventory = model.Inventory({"all": ["a", "b"], "x": ["a"]}, {}, lambda *_: None)
    assert inventory.hosts_of("all:!x") == ["b"]
    assert inventory.hosts_of("all:&x") == ["a"]
    assert inventory.hosts_of("{{ some }}") == ["a", "b"]


def test_lines_are_sorted_by_file_and_line_and_name_their_hosts() -> None:
    told = [
        faults.Fault("late.", "a", "x.yml:10"),
        faults.Fault("early.", "b", "x.yml:9"),
        faults.Fault("late.", "b", "x.yml:10"),
        faults.Fault("nowhere."),
    ]
    assert faults.rendered(told, ["a", "b", "c"]) == [
        "nowhere.",
        "x.yml:9: early. (host b)",
        "x.yml:10: late. (hosts a, b)",
    ]
    assert faults.rendered(told[:3:2], ["a", "b"]) == ["x.yml:10: late. (all hosts)"]


def test_organisations_are_those_of_job_server_runner_and_proxy() -> None:
    assert ORGANISATION.endswith(places.OWNER.pattern)
    assert f"{{1,{places.LONGEST_OWNER}}}" in ORGANISATION


def test_outputs_have_the_types_and_the_size_that_services_accept() -> None:
    assert all(FORMATS["file_type"].accepts(suffix) for suffix in outputs.KINDS)
    assert FORMATS["file_type"].accepted.endswith(f"one of {', '.join(outputs.KINDS)}")
    assert size_of("16M") == outputs.MAX_FILE_BYTES


def test_limits_of_the_proxy_are_those_of_its_policy() -> None:
    assert FORMATS["limit"].accepts(policy.LARGEST_LIMIT)
    assert not FORMATS["limit"].accepts(policy.LARGEST_LIMIT + 1)
