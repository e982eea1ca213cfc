"""The study of the campaign: its actions, how each must end, and the programs that they run."""

from __future__ import annotations

from dataclasses import dataclass

NO_SPACE = 28
"""What a program ends with that could not write: its disk was full."""
NO_DATABASE = 3
"""What an extraction ends with that lost its database."""
FAILS = 7
MANY = 150
DEFINITION = "analysis.py"

DATA_BUILDER = """#!/bin/sh
# Compiles nothing, and asks the real database one question in its own protocol.
if [ "$1" = compile ]; then
  sleep 0.3
  echo '{"inputs": []}' > /plan/plan.json || exit 28
  exit 0
fi
for word in "$@"; do output=$word; done
address=$(cat "$DATABASE_URL_FILE") || exit 3
address=${address#*@}; address=${address%%/*}
sql="SELECT 'rows=' || count(*) || '/$DATA_BUILDER_JOB_ID' FROM patients, pg_sleep(1.5)"
size=$((${#sql} + 5))
{
  printf '\\0\\0\\0\\041\\0\\003\\0\\0user\\0jobs\\0database\\0jobs\\0\\0'
  printf "Q\\\\0\\\\0\\\\0\\\\$(printf %03o $size)"
  printf '%s\\0X\\0\\0\\0\\004' "$sql"
} | nc "${address%:*}" "${address#*:}" > /tmp/answer
grep -q "rows=1000/$DATA_BUILDER_JOB_ID" /tmp/answer || exit 3
mkdir -p output
cat /etc/hostname > "$output" || exit 28
"""


@dataclass(frozen=True)
class Action:
    """An action: its program, what it needs, and the status code that it must end with."""

    seconds: float = 0.0
    needs: tuple[str, ...] = ()
    ends: str = "succeeded"
    outputs: int = 1
    database: bool = False

    @property
    def level(self) -> str:
        """The privacy level of its outputs: what comes from the database stays."""
        return "highly_sensitive" if self.database else "moderately_sensitive"

    def entry(self, name: str) -> dict[str, object]:
        """Return the action as `project.yaml` has it."""
        found: dict[str, object] = {"needs": list(self.needs)} if self.needs else {}
        if self.database:
            run = f"ehrql:v1 generate-dataset {DEFINITION} --output output/{name}.csv"
            return found | {"run": run, "outputs": {self.level: {"out": f"output/{name}.csv"}}}
        pattern = f"output/{name}.txt" if self.outputs == 1 else f"output/{name}/*.txt"
        return found | {
            "run": f"python:v2 sh -c '{self._program(name)}'",
            "outputs": {self.level: {"out": pattern}},
        }

    def _program(self, name: str) -> str:
        words = [f"sleep {self.seconds}", "mkdir -p output"]
        words += [f"[ -s output/{need}.{ACTIONS[need].suffix} ] || exit 9" for need in self.needs]
        if self.ends == "nonzero_exit":
            words.append(f"exit {FAILS}")
        if self.outputs > 1:
            loop = f"while [ $i -lt {self.outputs} ]; do cat /etc/hostname > output/{name}/$i.txt"
            words += [
                f"mkdir -p output/{name}",
                f"i=0; {loop} || exit {NO_SPACE}; i=$((i+1)); done",
            ]
        elif self.ends == "succeeded":
            words.append(f"cat /etc/hostname > output/{name}.txt || exit {NO_SPACE}")
        return "; ".join(words)

    @property
    def suffix(self) -> str:
        """The suffix of its output."""
        return "csv" if self.database else "txt"


ACTIONS: dict[str, Action] = {
    **{f"s{n}": Action(seconds) for n, seconds in enumerate((0, 0.3, 1, 2, 4, 6))},
    "c1": Action(0.5),
    "c2": Action(0.5, ("c1",)),
    "c3": Action(0.2, ("c2",)),
    "c4": Action(0, ("c3",)),
    "root": Action(1),
    **{f"fan{n}": Action(0.3 * n, ("root",)) for n in range(4)},
    "join": Action(0, ("fan0", "fan1", "fan2", "fan3")),
    "fails": Action(0.5, ends="nonzero_exit"),
    "after": Action(0, ("fails",), ends="dependency_failed"),
    "nothing": Action(0.5, ends="unmatched_patterns"),
    "many": Action(0.2, outputs=MANY),
    "extract": Action(database=True),
    "extract2": Action(database=True),
    "table": Action(0.2, ("extract",)),
}


def project() -> dict[str, dict[str, object]]:
    """Return the actions as `project.yaml` has them."""
    return {name: action.entry(name) for name, action in ACTIONS.items()}
