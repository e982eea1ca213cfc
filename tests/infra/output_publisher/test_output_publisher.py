"""The publisher on its host: it sees approved files only, and refuses what is doubtful."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
from testinfra.host import Host
from tests.approved import REQUEST, approved_manifest

from service_claims import ServiceClaims

APPROVED = "/var/lib/sallyport/approved"
CSV = "group,count\na,10\n"
MANIFEST = approved_manifest({"output/t.csv": CSV.encode()})
SHA256 = MANIFEST.files[0].sha256


class TestOutputPublisher(ServiceClaims):
    """The program that the timer starts."""

    component = "output_publisher"
    form = "timer"
    secrets = ("job_server_token",)

    @pytest.fixture
    def hand_over(self, host: Host) -> Iterator[Callable[..., None]]:
        """A function that hands a request over as the hatch does, with changes."""

        def write(**changes: Any) -> None:
            script = (
                "set -e; umask 027; cd %s; rm -rf %s; mkdir %s; cd %s; printf %%s %s > %s; "
                "printf %%s %s > manifest.json; chown -R sallyport-release-hatch:%s ."
            )
            words = (APPROVED, REQUEST, REQUEST, REQUEST, CSV, SHA256)
            host.check_output(
                script, *words, replace(MANIFEST, **changes).to_json().decode(), self.unit
            )

        yield write
        host.check_output("rm -rf %s/%s", APPROVED, REQUEST)

    def test_it_cannot_read_workspaces_or_change_what_was_approved(
        self, host: Host, hand_over: Callable[..., None]
    ) -> None:
        hand_over()
        assert self.as_service(host, "cat", f"{APPROVED}/{REQUEST}/{SHA256}").rc == 0
        assert self.as_service(host, "touch", f"{APPROVED}/{REQUEST}/{SHA256}").rc != 0
        assert self.as_service(host, "touch", f"{APPROVED}/new").rc != 0
        assert self.as_service(host, "ls", "/srv/medium_privacy/workspaces").rc != 0
        assert self.as_service(host, "ls", "/var/lib/sallyport/release_hatch").rc != 0
        hidden = host.check_output("systemctl show --value -p InaccessiblePaths %s", self.unit)
        assert "/srv" in hidden.replace("-/", "/").split()

    def test_what_arrives_starts_it_at_once(
        self, host: Host, hand_over: Callable[..., None]
    ) -> None:
        started = "systemctl show --value -p ExecMainStartTimestampMonotonic %s"
        host.check_output("systemctl stop %s.timer", self.unit)
        try:
            before = int(host.check_output(started, self.unit))
            host.check_output("sleep 3")
            assert int(host.check_output(started, self.unit)) == before
            hand_over()
            host.check_output("sleep 3")
            assert int(host.check_output(started, self.unit)) > before
        finally:
            host.check_output("systemctl start %s.timer", self.unit)

    def test_what_two_checkers_did_not_approve_is_refused(
        self, host: Host, hand_over: Callable[..., None]
    ) -> None:
        hand_over(reviewers=("cy",))
        refused = host.run("sallyport-output-publisher check")
        assert refused.rc == 1
        assert "not decided by two people besides its author" in refused.stdout
        hand_over()
        assert host.run("sallyport-output-publisher check").rc == 0

    def test_a_run_says_why_it_could_not_publish(
        self, host: Host, hand_over: Callable[..., None]
    ) -> None:
        hand_over()
        host.run("systemctl start %s.service", self.unit)
        status = host.check_output("sallyport-output-publisher status")
        assert f"{REQUEST}  postponed  The job server cannot be reached" in status
        assert "1 approved, 1 not published" in status
        host.check_output("rm -rf %s/%s", APPROVED, REQUEST)
        host.check_output("systemctl start %s.service", self.unit)
