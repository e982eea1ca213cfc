"""An executor for the peer that runs nothing: each step ends at the next look, `slow` never."""

from typing import Any

from jobrunner.job_executor import ExecutorAPI, ExecutorState, JobResults, JobStatus

STATES: dict[str, Any] = {}
ENDS_AS = {
    ExecutorState.PREPARING: ExecutorState.PREPARED,
    ExecutorState.EXECUTING: ExecutorState.EXECUTED,
    ExecutorState.FINALIZING: ExecutorState.FINALIZED,
}


class Fake(ExecutorAPI):
    """Knows states only; `fails` exits with 3, `unmatched` misses its output."""

    def _enter(self, job: Any, state: Any) -> Any:
        STATES[job.id] = state
        return JobStatus(state)

    def get_status(self, job: Any) -> Any:
        """Move a step on, unless the job is the slow one."""
        state = STATES.get(job.id, ExecutorState.UNKNOWN)
        if job.action != "slow":
            state = ENDS_AS.get(state, state)
        if state is not ExecutorState.UNKNOWN:
            STATES[job.id] = state
        return JobStatus(state)

    def prepare(self, job: Any) -> Any:
        """Start preparing."""
        return self._enter(job, ExecutorState.PREPARING)

    def execute(self, job: Any) -> Any:
        """Start executing."""
        return self._enter(job, ExecutorState.EXECUTING)

    def finalize(self, job: Any) -> Any:
        """Start finalising."""
        return self._enter(job, ExecutorState.FINALIZING)

    def terminate(self, job: Any) -> Any:
        """Stop."""
        return self._enter(job, ExecutorState.ERROR)

    def cleanup(self, job: Any) -> Any:
        """Forget."""
        STATES.pop(job.id, None)
        return JobStatus(ExecutorState.UNKNOWN)

    def get_results(self, job: Any) -> Any:
        """Return what the real executor would have found."""
        missing = ["output/expected.txt"] if job.action == "unmatched" else []
        return JobResults({}, missing, 3 if job.action == "fails" else 0, "sha256:0")

    def delete_files(self, *_paths: str) -> list[str]:
        """Delete nothing."""
        return []
