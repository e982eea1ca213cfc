"""Write what the study will count, without any data."""

import csv
from pathlib import Path

ROWS = [
    ("conditions", "asthma; high blood pressure or diabetes"),
    ("groups", "sex and age band"),
    ("rounding", "to the nearest 5, counts up to 7 left out"),
]

Path("output").mkdir(exist_ok=True)
with Path("output/description.csv").open("w", newline="") as stream:
    writer = csv.writer(stream)
    writer.writerow(("item", "description"))
    writer.writerows(ROWS)
