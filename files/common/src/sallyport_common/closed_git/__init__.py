"""git for programs: a closed environment, time limits, locks that heal, and faults as sentences.

This is the only way in which our components run git.
"""

from sallyport_common.closed_git.faults import Fault, GitError, classify
from sallyport_common.closed_git.process import ClosedGit, Credential
from sallyport_common.closed_git.redirects import new_location
from sallyport_common.closed_git.repair import Copies, LocalCopy, State

__all__ = [
    "ClosedGit",
    "Copies",
    "Credential",
    "Fault",
    "GitError",
    "LocalCopy",
    "State",
    "classify",
    "new_location",
]
