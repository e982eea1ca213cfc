"""Count conditions by sex and age band; hide small numbers, round the others, draw a chart."""

import pandas as pd

SMALLEST, NEAREST = 7, 5
CONDITIONS = {"has_asthma": "asthma", "has_other_condition": "blood pressure or diabetes"}


def disclose(counts: pd.Series) -> pd.Series:
    """Leave out counts up to 7 and round the others to the nearest 5."""
    return counts.where(counts > SMALLEST).div(NEAREST).round().mul(NEAREST).astype("Int64")


data = pd.read_csv("output/dataset.csv.gz")
data = data[data["sex"].isin(["female", "male"])]
groups = data.assign(**{name: data[name].eq("T") for name in CONDITIONS}).groupby(
    ["sex", "age_band"]
)
table = groups.size().to_frame("patients").join(groups[list(CONDITIONS)].sum())
table = table.rename(columns=CONDITIONS).apply(disclose)
table.to_csv("output/conditions.csv")

shares = table[list(CONDITIONS.values())].div(table["patients"], axis=0).mul(100).astype(float)
shares.index = [", ".join(group) for group in shares.index]
axes = shares[::-1].plot.barh(figsize=(8, 5), color=["#3465a4", "#c17d11"])
axes.set(xlabel="per cent of the group", title="Adults with each condition")
axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.14), ncols=2, frameon=False)
axes.figure.tight_layout()
axes.figure.savefig("output/conditions.png", dpi=110)
