"""Build the demo's hosts, deploy them and take the demo study from submission to a public table."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

import rig
from console import BUILD, ROOT, Words, run, stop
from journey import PEOPLE, Journey
from places import Places
from progress import watch

BIN = Path(sys.executable).parent
TOOLS = ROOT / "tools"
INVENTORY: Words = ["-i", "inventories/demo"]
ACTIONS = ["extract", "measure", "analyse"]
RESULTS = ["output/conditions.csv", "output/conditions.png", "output/measures.csv"]


def build() -> None:
    """Make images, wheels and secrets; what is current is kept."""
    run([sys.executable, TOOLS / "images.py", "host", "jobs"], "Read the log named above.")
    tag = (BUILD / "host-python").read_text(encoding="utf-8")
    run([sys.executable, TOOLS / "wheels.py", tag], "Read the log named above.", quiet=True)
    run([sys.executable, TOOLS / "machine.py"], "Look at this machine's package sources.")
    play("secrets", "playbooks/operations/generate_secrets.yml")


def play(title: str, playbook: str, *, watched: bool = False) -> None:
    """Run a playbook on the demo inventory, with its output in a log; `watched` shows progress."""
    command: Words = [BIN / "ansible-playbook", *INVENTORY, playbook]
    log = BUILD / f"log/demo-{title}.log"
    environment = {"SALLYPORT_RIG": "demo", "SALLYPORT_RIG_NUMBER": rig.NUMBERS["demo"]}
    environment |= {"ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"), "ANSIBLE_NOCOLOR": "1"}
    advice = f"Read {log.relative_to(ROOT)}, fix the error, and run make demo again."
    if watched:
        watch(command, advice, log, environment)
    else:
        run(command, advice, log=log, env=environment)


def hosts() -> None:
    """Start five containers, or find them running."""
    play("hosts", "molecule/resources/create.yml")


def deploy() -> None:
    """Converge the site."""
    play("site", "site.yml", watched=True)


class Walk:
    """The demo study's way, one stage a method."""

    def __init__(self) -> None:
        self.journey = Journey(Places("demo"))
        self.release = ""

    def prepare(self) -> None:
        """Create people and a workspace, and push the study."""
        self.journey.invite()
        commit = self.journey.push()
        print(f"    the study is on the forge at {commit[:10]}")

    def submit(self) -> None:
        """Run the study's actions through the proxy, beside the database."""
        ended = self.journey.run(ACTIONS)
        if ended["problem"]:
            stop(f"this request could not be run: {ended['problem']}")
        for job in ended["jobs"]:
            print(f"    {job['action']}: {job['status']} {job['status_message']}")
        if ended["status"] != "succeeded":
            stop("the study did not succeed; read the job's log on the runner host.")

    def review(self) -> None:
        """Let the researcher ask, two checkers look, and the publisher carry."""
        self.release = self.journey.release(RESULTS)
        print(f"    request {self.release} was approved by two checkers and published")

    def show(self) -> None:
        """Fetch the published table from the job server."""
        files = self.journey.published(self.release)
        print(files[RESULTS[0]].decode())


def farewell(journey: Journey) -> None:
    """Print where to look, and log-ins that work once."""
    places = journey.places
    print("The hosts stay up; `make clean` removes them. Names for /etc/hosts:")
    for service in ("jobs", "hatch", "forge"):
        print(f"    {places.address(service)}  {places.host(service)}")
    print(f"    certificate authority: {places.authority.relative_to(ROOT)}")
    print(f"Job server  {places.url('jobs')}")
    for name, (fullname, _everywhere, _project) in PEOPLE.items():
        print(f"    {name}  {journey.passwords[name]}  ({fullname})")
    print(f"Release hatch  {places.url('hatch')}  (each log-in works once, within an hour)")
    for name in PEOPLE:
        print(f"    {name}  {journey.person(name).login_token()}")


def main() -> int:
    """Run every stage and print what each took."""
    os.chdir(ROOT)
    walk = Walk()
    stages: dict[str, Callable[[], None]] = {
        "build images, wheels and secrets": build,
        "start five hosts": hosts,
        "deploy with site.yml": deploy,
        "invite people, push the study": walk.prepare,
        "run the study": walk.submit,
        "review and publish": walk.review,
        "fetch the published table": walk.show,
    }
    started = time.monotonic()
    for number, (title, stage) in enumerate(stages.items(), 1):
        print(f"==> {number}/{len(stages)} {title}", flush=True)
        began = time.monotonic()
        stage()
        print(f"    {time.monotonic() - began:.1f} s", flush=True)
    print(f"==> done in {time.monotonic() - started:.1f} s")
    farewell(walk.journey)
    return 0


if __name__ == "__main__":
    sys.exit(main())
