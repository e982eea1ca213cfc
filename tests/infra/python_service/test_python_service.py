"""The base role, seen in a service of a real component."""

from __future__ import annotations

from typing import Any

import yaml
from testinfra.host import Host

from converging import ROOT, converge
from service_claims import ServiceClaims


def inputs() -> dict[str, Any]:
    """The role's inputs in this scenario."""
    (play,) = yaml.safe_load((ROOT / "molecule/python_service/converge.yml").read_text())
    return dict(play["tasks"][0]["vars"])


class TestPythonService(ServiceClaims):
    """The proxy, whose policy lets nothing pass."""

    component = "proxy"
    secrets = ("canary",)

    def test_the_socket_answers_with_the_release_in_use(self, host: Host) -> None:
        socket = host.file("/run/sallyport/proxy/http.sock")
        assert (socket.user, socket.group, socket.mode) == ("root", "www-data", 0o660)
        release = host.file("/opt/sallyport/proxy/current/VERSION").content_string.strip()
        question = "import http.client as h, socket as s; c = h.HTTPConnection('localhost'); "
        question += f"c.sock = s.socket(s.AF_UNIX); c.sock.connect('{socket.path}'); "
        question += "c.request('GET', '/healthz'); print(c.getresponse().read().decode())"
        assert f'"version":"{release}"' in host.check_output("python3 -c %s", question)

    def test_files_and_settings_keep_their_text(self, host: Host) -> None:
        canary = host.file("/etc/sallyport/proxy/notes/canary.txt")
        assert canary.content_string == 'It\'s a "file" below.\n'
        assert (canary.user, canary.group, canary.mode) == ("root", self.unit, 0o640)
        environment = host.file("/etc/sallyport/proxy/environment")
        assert "PROXY_GIT_TIMEOUT='60'" in environment.content_string
        assert environment.mode == 0o640

    def test_the_program_runs_as_the_service_with_its_settings(self, host: Host) -> None:
        assert host.run("sallyport-proxy check-config").rc == 0
        assert host.run("runuser -u nobody -- sallyport-proxy check-config").rc == 78

    def test_the_socket_stays_open_over_a_restart(self, host: Host) -> None:
        host.check_output("systemctl restart sallyport-proxy.service")
        assert host.service("sallyport-proxy-http.socket").is_running
        assert host.service(self.unit).is_running

    def test_no_wheel_stays_behind(self, host: Host) -> None:
        assert host.file("/opt/sallyport/proxy/current/ours.txt").exists
        assert not host.file("/opt/sallyport/proxy/current/wheels").exists

    def test_a_run_that_was_cut_short_is_finished_by_the_next(self, host: Host) -> None:
        """A secret that is not a string ends the run after the environment was written."""
        settings = inputs()["python_service_environment"] | {"PROXY_LOG_ROWS": 999}
        changed = {"python_service_environment": settings}

        def running() -> str:
            process = host.check_output("systemctl show -P MainPID sallyport-proxy")
            return str(host.check_output("cat /proc/%s/environ", process))

        assert "PROXY_LOG_ROWS=1000" in running()
        code, _, output = converge(**changed, python_service_secrets={"canary": 5})
        assert code != 0, output
        written = host.file("/etc/sallyport/proxy/environment").content_string
        assert "PROXY_LOG_ROWS='999'" in written
        assert "PROXY_LOG_ROWS=1000" in running()
        code, changes, output = converge(**changed)
        assert code == 0, output
        assert changes > 0
        assert "PROXY_LOG_ROWS=999" in running()
        code, changes, output = converge(**changed)
        assert (code, changes) == (0, 0), output
        code, _, output = converge()
        assert code == 0, output
        assert "PROXY_LOG_ROWS=1000" in running()
