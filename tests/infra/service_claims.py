"""What every component's service promises; a component's own test class inherits it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from testinfra.host import Host
from testinfra.modules.base import Module

import distributions


def has_ended(host: Host, unit: str, seconds: float = 20) -> bool:
    """Wait until a unit has failed or stopped permanently."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if host.run("systemctl is-active %s", unit).stdout.strip() in {"failed", "inactive"}:
            return True
        time.sleep(0.3)
    return False


class ServiceClaims:
    """Subclasses name component and secrets, and state a wider limit with its reason."""

    component: str
    secrets: tuple[str, ...] = ()
    form = "service"
    max_exposure = 2.0

    @property
    def unit(self) -> str:
        """The unit, account and program of the component."""
        return f"sallyport-{self.component.replace('_', '-')}"

    def as_service(self, host: Host, *words: str) -> Any:
        """Run a program as the component's account."""
        return host.run("runuser -u %s -- " + " ".join(["%s"] * len(words)), self.unit, *words)

    def process(self, host: Host, file: str) -> str:
        """Return a file of the running service's folder in /proc, its zeros as lines."""
        pid = host.check_output("systemctl show --value -p MainPID %s.service", self.unit)
        return str(host.check_output("tr '\\0' '\\n' < /proc/%s/" + file, pid))

    def test_it_is_enabled_and_running(self, host: Host, service: Callable[[str], Module]) -> None:
        if self.form == "timer":
            timer = host.service(f"{self.unit}.timer")
            assert timer.is_enabled
            assert timer.is_running
        else:
            unit = service(self.component)
            assert unit.is_enabled
            assert unit.is_running

    def test_exposure_of_the_unit_stays_low(self, host: Host) -> None:
        report = host.run("systemd-analyze security --no-pager %s.service", self.unit).stdout
        exposure = float(report.rpartition("exposure level for")[2].split(":")[1].split()[0])
        assert exposure <= self.max_exposure

    def test_secrets_are_files_that_only_the_service_reads(self, host: Host) -> None:
        folder = f"/etc/sallyport/{self.component}/secrets"
        assert sorted(host.file(folder).listdir()) == sorted(self.secrets)
        for name in self.secrets:
            secret = host.file(f"{folder}/{name}")
            assert (secret.user, secret.group, secret.mode) == ("root", self.unit, 0o440)
            assert self.as_service(host, "cat", secret.path).rc == 0
            assert host.run("runuser -u nobody -- cat %s", secret.path).rc != 0

    def test_secrets_are_in_no_environment_and_no_arguments(self, host: Host) -> None:
        shown = host.check_output("systemctl show %s.service", self.unit)
        shown += host.check_output("cat /etc/sallyport/%s/environment", self.component)
        if self.form == "service":
            environment = self.process(host, "environ")
            assert "SALLYPORT_RELEASE=" in environment
            shown += environment + self.process(host, "cmdline")
        for name in self.secrets:
            path = f"/etc/sallyport/{self.component}/secrets/{name}"
            assert host.file(path).content_string.strip() not in shown

    def test_the_service_cannot_change_its_code_or_configuration(self, host: Host) -> None:
        state = f"/var/lib/sallyport/{self.component}"
        assert self.as_service(host, "test", "-w", state).rc == 0
        for folder in ("/opt/sallyport", "/etc/sallyport"):
            found = self.as_service(host, "find", folder, "-writable", "!", "-type", "l")
            assert found.stdout == ""

    def test_code_of_other_components_is_not_there(self, host: Host) -> None:
        python = f"/opt/sallyport/{self.component}/current/venv/bin/python"
        assert host.run("%s -I -c %s", python, f"import sallyport_{self.component}").rc == 0
        for other in distributions.components():
            if other != self.component:
                refused = host.run("%s -I -c %s", python, f"import sallyport_{other}")
                assert "ModuleNotFoundError" in refused.stderr

    @pytest.fixture
    def misspelt(self, host: Host) -> Iterator[str]:
        """The unit with a setting that nobody knows; afterwards it runs as before."""
        unit, folder = f"{self.unit}.service", f"/run/systemd/system/{self.unit}.service.d"
        line = f"Environment={self.component.upper()}_MISSPELT=1"
        host.check_output("mkdir -p %s", folder)
        host.check_output("printf '[Service]\\n%%s\\n' %s > %s/misspelt.conf", line, folder)
        host.check_output("systemctl daemon-reload && systemctl stop %s", unit)
        yield unit
        host.check_output("rm -r %s && systemctl daemon-reload", folder)
        host.check_output("systemctl reset-failed %s; systemctl start %s", unit, unit)

    def test_bad_configuration_stops_it_once_and_for_good(self, host: Host, misspelt: str) -> None:
        assert host.run("systemctl start %s", misspelt).rc != 0
        assert has_ended(host, misspelt)
        shown = host.check_output("systemctl show -p ExecMainStatus -p NRestarts %s", misspelt)
        assert set(shown.split()) == {"ExecMainStatus=78", "NRestarts=0"}
        journal = host.check_output("journalctl --no-pager -n 20 -u %s", misspelt)
        assert f"{self.component.upper()}_MISSPELT" in journal
