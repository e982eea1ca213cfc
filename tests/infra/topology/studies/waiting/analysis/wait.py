"""Wait for the file `go`, then write a row that no other run writes."""

import argparse
import time
import uuid
from pathlib import Path

parser = argparse.ArgumentParser()
parser.add_argument("--output", type=Path, required=True)
output = parser.parse_args().output
while not Path("go").exists():
    time.sleep(0.2)
output.parent.mkdir(exist_ok=True)
output.write_text(f"run\n{uuid.uuid4()}\n")
