"""Images that the engine pulled by digest, and which of them the runner removes."""

from __future__ import annotations

import json

from testinfra.host import Host

PYTHON = "/opt/sallyport/runner/current/venv/bin/python"
REGISTRY = r"""
import gzip, hashlib, io, json, sys, tarfile, threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import docker
from sallyport_runner.services.running.engine import DockerExecutor
from sallyport_runner.services.running.images import superseded

blobs = {}

def keep(data):
    digest = "sha256:" + hashlib.sha256(data).hexdigest()
    blobs[digest] = data
    return {"digest": digest, "size": len(data)}

def image(text):
    plain = io.BytesIO()
    with tarfile.open(fileobj=plain, mode="w") as archive:
        entry = tarfile.TarInfo("file")
        entry.size = len(text)
        archive.addfile(entry, io.BytesIO(text))
    layer = keep(gzip.compress(plain.getvalue(), mtime=0))
    whole = "sha256:" + hashlib.sha256(plain.getvalue()).hexdigest()
    config = keep(json.dumps({
        "architecture": "amd64", "os": "linux", "config": {"Cmd": ["/file"]},
        "rootfs": {"type": "layers", "diff_ids": [whole]},
    }).encode())
    kind = "application/vnd.docker."
    return keep(json.dumps({
        "schemaVersion": 2, "mediaType": kind + "distribution.manifest.v2+json",
        "config": config | {"mediaType": kind + "container.image.v1+json"},
        "layers": [layer | {"mediaType": kind + "image.rootfs.diff.tar.gzip"}],
    }).encode())["digest"]

class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        data = blobs.get(self.path.rpartition("/")[2], b"{}")
        self.send_response(200)
        kind = "application/vnd.docker.distribution.manifest.v2+json"
        self.send_header("Content-Type", kind if "/manifests/" in self.path else "text/plain")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(data)
    do_HEAD = do_GET
    def log_message(self, *arguments):
        pass

server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
threading.Thread(target=server.serve_forever, daemon=True).start()
place = f"127.0.0.1:{server.server_port}"
executor = DockerExecutor(place + "/ours", 60)
other = DockerExecutor(place + "/other", 60)
client = docker.from_env()
old, used, new = (
    executor.fetch_image("probe:v1", image(text)).reference for text in (b"1", b"2", b"3")
)
foreign = other.fetch_image("probe:v1", image(b"4")).reference
tagged = executor.fetch_image("probe:v1", image(b"5")).reference
client.images.get(tagged).tag("kept-by-its-tag", "v1")
holder = client.containers.create(used)
listed = {stored.reference for stored in executor.images()}
uses = {old: 1.0, used: 2.0, new: 3.0}
candidates = superseded(executor.images(), uses, 10.0)
removed = [name for name in candidates if executor.remove_image(name)]

def there(name):
    try:
        client.images.get(name)
    except docker.errors.ImageNotFound:
        return False
    return True

names = {"old": old, "used": used, "new": new, "foreign": foreign, "tagged": tagged}
result = {
    "listed": sorted(key for key, name in names.items() if name in listed),
    "removed": removed == [old],
    "there": sorted(key for key, name in names.items() if there(name)),
}
holder.remove()
client.images.remove("kept-by-its-tag:v1")
for name in names.values():
    if there(name):
        client.images.remove(name, force=True)
print(json.dumps(result))
"""


def test_only_a_superseded_image_of_ours_is_removed(host: Host) -> None:
    done = host.run("%s -c %s", PYTHON, REGISTRY)
    assert done.rc == 0, done.stderr
    result = json.loads(done.stdout)
    assert result["listed"] == ["new", "old", "used"]
    assert result["removed"]
    assert result["there"] == ["foreign", "new", "tagged", "used"]
