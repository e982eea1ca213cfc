"""Rejects options that would let a run skip the check of the inventory."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible import context
from ansible.plugins.callback import CallbackBase
from ansible.utils.display import Display

DOCUMENTATION = """
name: complete_run
type: aggregate
short_description: Reject options that skip the check of the inventory
description:
  - Ends a run before its first task where C(--skip-tags always), C(--start-at-task) or C(--step)
    could leave out the check of the inventory. No task can do so, for these options skip tasks.
requirements: [C(callbacks_enabled) in ansible.cfg]
author: [Sallyport developers]
"""

# The exit code that ansible-playbook has for options that it does not accept.
WRONG_OPTION = 5


def rejected(options: Mapping[str, Any]) -> str:
    """Return the option of a run that could skip the check of the inventory, or an empty string."""
    if "always" in (options.get("skip_tags") or ()):
        return "--skip-tags always"
    names = ("start_at_task", "step")
    return next((f"--{name.replace('_', '-')}" for name in names if options.get(name)), "")


class CallbackModule(CallbackBase):
    """`complete_run`: says which option is not accepted, and ends the run."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "aggregate"
    CALLBACK_NAME = "sallyport.site.complete_run"
    CALLBACK_NEEDS_ENABLED = True

    def v2_playbook_on_start(self, *_: Any) -> None:
        """End the run, with code 5, where an option of it is not accepted."""
        option = rejected(context.CLIARGS)
        if not option:
            return
        sentence = (
            f"{option} would skip the check of the inventory; nothing was changed. Run the whole "
            "playbook again, which changes only what differs, or choose a part of it with --tags."
        )
        Display().error(sentence, wrap_text=False)
        # ansible-core turns an exception of a callback into a warning, and goes on.
        raise SystemExit(WRONG_OPTION)
