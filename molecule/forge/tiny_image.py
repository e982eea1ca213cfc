"""Write the smallest archive that `docker save` could have written: one layer with one file."""

import hashlib
import io
import json
import sys
import tarfile
from pathlib import Path


def tar_of(files: dict[str, bytes]) -> bytes:
    """Return a tar archive of files, with nothing in it that differs from run to run."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as archive:
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    return stream.getvalue()


layer = tar_of({"greeting": b"hello\n"})
digest = hashlib.sha256(layer).hexdigest()
config = json.dumps(
    {
        "architecture": "amd64",
        "os": "linux",
        "config": {},
        "rootfs": {"type": "layers", "diff_ids": [f"sha256:{digest}"]},
    }
).encode()
name = f"{hashlib.sha256(config).hexdigest()}.json"
manifest = [{"Config": name, "RepoTags": ["tiny:v1"], "Layers": [f"{digest}/layer.tar"]}]
Path(sys.argv[1]).write_bytes(
    tar_of(
        {
            name: config,
            f"{digest}/layer.tar": layer,
            "manifest.json": json.dumps(manifest).encode(),
        }
    )
)
