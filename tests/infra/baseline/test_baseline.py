"""What every host promises: names, groups, logs, ssh and package sources."""

from __future__ import annotations

import pytest
from testinfra.host import Host

SSHD = {
    "permitrootlogin": "no",
    "passwordauthentication": "no",
    "kbdinteractiveauthentication": "no",
    "x11forwarding": "no",
    "maxauthtries": "4",
    "loglevel": "VERBOSE",
}


@pytest.mark.parametrize(
    ("name", "number"),
    [("reviewers", 10010), ("researchers", 10011), ("operators", 10012), ("auditors", 10013)],
)
def test_groups_have_the_numbers_that_every_host_agrees_on(
    host: Host, name: str, number: int
) -> None:
    assert host.group(name).gid == number


def test_peers_are_known_by_their_static_names(host: Host) -> None:
    answer = host.check_output("getent hosts database.sallyport.test")
    assert answer.split()[0].endswith(".2.50")
    assert "runner.sallyport.test" in host.file("/etc/hosts").content_string


def test_no_other_name_is_looked_up(host: Host) -> None:
    assert host.run("getent ahosts localhost").rc == 0
    assert host.run("timeout 2 getent ahosts sallyport.example").rc == 2
    assert "nameserver" not in host.file("/etc/resolv.conf").content_string


def test_the_effective_ssh_configuration_holds_to_keys(host: Host) -> None:
    lines = host.check_output("/usr/sbin/sshd -T").splitlines()
    effective = dict(line.split(" ", 1) for line in lines if " " in line)
    assert {name: effective[name] for name in SSHD} == SSHD


def test_a_later_drop_in_cannot_open_ssh_again(host: Host) -> None:
    later = "/etc/ssh/sshd_config.d/50-later.conf"
    host.check_output("sh -c %s", f"echo PasswordAuthentication yes > {later}")
    try:
        assert "passwordauthentication no" in host.check_output("/usr/sbin/sshd -T")
    finally:
        host.check_output("rm %s", later)


def test_the_journal_is_kept_on_disk_and_bounded(host: Host) -> None:
    assert host.check_output("ls /var/log/journal")
    text = host.check_output("systemd-analyze cat-config systemd/journald.conf")
    assert "SystemMaxUse=1G" in text


def test_upgrades_come_from_the_security_archive_without_the_engine(host: Host) -> None:
    shown = host.check_output("apt-config dump Unattended-Upgrade")
    origins = [line for line in shown.splitlines() if "Origins" in line and '""' not in line]
    assert len(origins) == 1
    assert "security" in origins[0]
    assert '"^docker"' in shown


def test_files_of_people_are_not_for_everybody(host: Host) -> None:
    assert host.check_output("bash -lc umask") == "0027"


def test_the_time_comes_from_the_proxy_and_nobody_is_served(host: Host) -> None:
    """A container cannot set its clock, so chrony only watches here."""
    assert host.service("chrony").is_running
    assert host.service("chrony").is_enabled
    (source,) = host.check_output("chronyc -n -c sources").splitlines()
    assert source.split(",")[2].endswith(".1.30")
    assert host.run("chronyc -h 127.0.0.1 tracking").rc != 0
    assert ":123 " not in host.check_output("ss --udp --listening --numeric --no-header")


def test_the_clock_shows_utc(host: Host) -> None:
    assert host.check_output("date +%Z") == "UTC"
