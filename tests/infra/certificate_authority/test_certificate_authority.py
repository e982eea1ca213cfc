"""Trust in the site's authority, and the host's own certificates."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from testinfra.host import Host

ROOT = Path(__file__).resolve().parents[3]
STORE = "/etc/ssl/certs/ca-certificates.crt"
FOLDER = "/etc/sallyport/tls"
SELF_SIGNED = (
    "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 1"
    " -subj /CN=jobs.sallyport.test -addext subjectAltName=DNS:jobs.sallyport.test"
    " -keyout /root/own.key -out /root/own.crt"
)


def verify(host: Host, path: str, name: str) -> bool:
    """Return whether a client that trusts the system store takes a certificate for a name."""
    question = "openssl verify -CAfile %s -purpose sslserver -verify_hostname %s %s"
    return bool(host.run(question, STORE, name, path).rc == 0)


def test_the_issued_certificate_is_trusted_for_its_names_only(host: Host) -> None:
    assert verify(host, f"{FOLDER}/jobs.crt", "jobs.sallyport.test")
    assert verify(host, f"{FOLDER}/jobs.crt", "www.jobs.sallyport.test")
    assert not verify(host, f"{FOLDER}/jobs.crt", "hatch.sallyport.test")


def test_a_certificate_of_nobody_is_not_trusted(host: Host) -> None:
    host.check_output(SELF_SIGNED)
    assert not verify(host, "/root/own.crt", "jobs.sallyport.test")
    assert verify(host, f"{FOLDER}/jobs.crt", "jobs.sallyport.test")


def test_the_certificate_cannot_sign_others(host: Host) -> None:
    text = host.check_output("openssl x509 -noout -text -in %s/jobs.crt", FOLDER)
    assert "CA:FALSE" in text
    assert "Digital Signature" in text


def test_the_key_belongs_to_it_and_to_its_group(host: Host) -> None:
    key = host.file(f"{FOLDER}/jobs.key")
    assert (key.user, key.group, key.mode) == ("root", "www-data", 0o640)
    assert host.run("runuser -u nobody -- cat %s", key.path).rc != 0
    assert host.run("runuser -u www-data -- cat %s", key.path).rc == 0
    public = host.check_output("openssl x509 -noout -pubkey -in %s/jobs.crt", FOLDER)
    assert host.check_output("openssl pkey -pubout -in %s/jobs.key", FOLDER) == public


def test_a_certificate_lives_long_enough_and_not_for_ever(host: Host) -> None:
    question = f"openssl x509 -noout -in {FOLDER}/jobs.crt -checkend %s"
    assert host.run(question, str(360 * 86400)).rc == 0
    assert host.run(question, str(366 * 86400)).rc == 1


def test_a_supplied_pair_takes_the_place_of_an_issued_one(host: Host) -> None:
    subject = host.check_output("openssl x509 -noout -subject -in %s/supplied.crt", FOLDER)
    assert "Sallyport certificate authority" in subject
    key = host.file(f"{FOLDER}/supplied.key")
    assert (key.user, key.group, key.mode) == ("root", "root", 0o640)


def test_a_host_gets_no_pair_of_another_host(host: Host) -> None:
    """The control is the test before: the pair that its list names is there."""
    assert host.file(f"{FOLDER}/jobs.key").exists
    assert not host.file(f"{FOLDER}/of_another_host.key").exists


def test_certificate_and_key_of_what_is_gone_are_removed(host: Host) -> None:
    host.check_output("touch %s/gone.key %s/gone.crt", FOLDER, FOLDER)
    command = [str(Path(sys.executable).with_name("ansible-playbook")), "-i", "inventories/demo"]
    done = subprocess.run(
        [*command, "molecule/certificate_authority/converge.yml"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    left = host.check_output("ls %s", FOLDER).split()
    assert left == ["jobs.crt", "jobs.key", "supplied.crt", "supplied.key"]
