"""What an inventory or a vault holds in place of a value that is still to be written."""

from __future__ import annotations

import re

# `files/common` refuses the same, and more, in a service's settings: a contract test holds that
# whatever is a placeholder here is one there.
PLACEHOLDER = re.compile(r"^\s*(CHANGE_ME|<[^<>]*>\s*$)", re.IGNORECASE)
EXAMPLE = "CHANGE_ME"
