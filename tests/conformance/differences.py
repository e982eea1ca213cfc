"""Where our verdict differs from a published validator's, each with its reason.

Keys are names of `projects.py`; the verdict is ours, the peer's is the other one.
"""

from __future__ import annotations

FILE_NAME = "an action's name is the file name of its log and a part of URLs"
QUOTED_NAME = "an unquoted name is not text: what the author typed and what is run would differ"
RUNS_NEVER = "no image and no repository can have this name: the job could only fail"
CYCLE = "actions in a cycle would wait until somebody cancels them"
NO_FILE = "an action without outputs could not succeed"
INSIDE = "every output is inside the study's folder, without '..' on the way"
CONTROL = "no control character is in a file name that people are shown"
JSON = "a job is given its configuration as JSON"
OLD_VERSION = "every version from 1 on is accepted, so that older studies still run"
NO_VERSION = "a version that does not exist yet, or never did, has unknown rules"
NEWER_RULE = "a rule of the current project.yaml that this release of the runner does not have"
LATER = "versions above 3 are newer than this release of the runner"

CLI = {
    "lone surrogate": ("rejected", "a command is passed on as UTF-8, which cannot express it"),
    "no image": ("rejected", RUNS_NEVER),
    "image with a registry": ("rejected", RUNS_NEVER),
    "image in typographic quotes": ("rejected", RUNS_NEVER),
    "config with a date": ("rejected", JSON),
    "name of digits": ("rejected", QUOTED_NAME),
    "name is a decimal": ("rejected", QUOTED_NAME),
    "name is a date": ("rejected", QUOTED_NAME),
    "name is yes": ("rejected", QUOTED_NAME),
    "name is null": ("rejected", QUOTED_NAME),
    "name is empty": ("rejected", FILE_NAME),
    "name with a space": ("rejected", FILE_NAME),
    "name with a slash": ("rejected", FILE_NAME),
    "name with a leading dot": ("rejected", FILE_NAME),
    "name that climbs": ("rejected", FILE_NAME),
    "name with a bidirectional control": ("rejected", FILE_NAME),
    "name with a line break": ("rejected", FILE_NAME),
    "name with a NUL": ("rejected", FILE_NAME),
    "name of 201 letters": ("rejected", FILE_NAME),
    "needs itself": ("rejected", CYCLE),
    "needs in a cycle": ("rejected", CYCLE),
    "empty level": ("rejected", NO_FILE),
    "pattern with a line break": ("rejected", CONTROL),
    "pattern with a tab": ("rejected", CONTROL),
    "climb": ("rejected", INSIDE),
    "version 1": ("ok", OLD_VERSION),
    "version 1, expectations": ("ok", OLD_VERSION),
    "version 2": ("ok", OLD_VERSION),
    "version 2, expectations": ("ok", OLD_VERSION),
    "version 3, expectations": ("ok", OLD_VERSION),
    "version '3', expectations": ("ok", OLD_VERSION),
    "version 3.0, expectations": ("ok", OLD_VERSION),
    "version 3.5": ("ok", OLD_VERSION),
    "version 3.5, expectations": ("ok", OLD_VERSION),
    "version 4": ("ok", OLD_VERSION),
    "version 5.1": ("rejected", NO_VERSION),
    "version 6": ("rejected", NO_VERSION),
    "version .nan": ("rejected", NO_VERSION),
    "population in quotes": ("ok", OLD_VERSION),
    "version 1, same output twice": ("ok", OLD_VERSION),
    "version 4, latest": ("ok", OLD_VERSION),
    "version 4, run_all": ("ok", OLD_VERSION),
    "version 1, cohortextractor": ("ok", OLD_VERSION),
    "version 4, measures without the option": ("ok", OLD_VERSION),
    "version 1, cohort in two folders, option": ("ok", OLD_VERSION),
}

RUNNER = {
    **{name: entry for name, entry in CLI.items() if not name.startswith(("version", "popul"))},
    "unknown key": ("rejected", NEWER_RULE),
    "unknown key of an action": ("rejected", NEWER_RULE),
    "tag 3.11": ("rejected", NEWER_RULE),
    "tag main": ("rejected", NEWER_RULE),
    "tag v2-rc": ("rejected", NEWER_RULE),
    "two tags": ("rejected", NEWER_RULE),
    "config is a list": ("rejected", NEWER_RULE),
    "config is text": ("rejected", NEWER_RULE),
    "dummy data is a list": ("rejected", NEWER_RULE),
    "needs without a value": ("ok", "a setting without a value counts as left out"),
    "needs is text": ("rejected", NEWER_RULE),
    "empty outputs": ("rejected", NO_FILE),
    "second level without a value": ("ok", "a setting without a value counts as left out"),
    "reviewable pattern with a space at its end": ("rejected", NEWER_RULE),
    "no extension": ("rejected", NEWER_RULE),
    "only an extension": ("rejected", NEWER_RULE),
    "extension is a star": ("rejected", NEWER_RULE),
    "extension ends in a star": ("rejected", NEWER_RULE),
    "type that nobody reviews": ("rejected", NEWER_RULE),
    "reviewable type in capitals": ("rejected", NEWER_RULE),
    "packed table to review": ("rejected", NEWER_RULE),
    "dataset without the option": ("rejected", NEWER_RULE),
    "dataset, option without a value": ("rejected", NEWER_RULE),
    "dataset with another file": ("rejected", NEWER_RULE),
    "dataset to review": ("rejected", NEWER_RULE),
    "dataset of two levels": ("rejected", NEWER_RULE),
    "dataset into another folder": ("rejected", NEWER_RULE),
    "version 3.5": ("ok", "versions between 3 and 4 follow the command line tool"),
    "version 4": ("ok", LATER),
    "version 4, expectations": ("rejected", LATER),
    "version 5": ("ok", LATER),
    "version 5, expectations": ("rejected", LATER),
    "version 5.1, expectations": ("rejected", NO_VERSION),
    "version 6, expectations": ("rejected", NO_VERSION),
    "version 0": ("rejected", NO_VERSION),
    "version 0, expectations": ("rejected", NO_VERSION),
    "version -1": ("rejected", NO_VERSION),
    "version -1, expectations": ("rejected", NO_VERSION),
    "version .nan": ("rejected", NO_VERSION),
    "version .nan, expectations": ("rejected", NO_VERSION),
    "unknown expectation": ("rejected", NEWER_RULE),
    "version 4, latest": ("ok", LATER),
    "version 4, run_all": ("ok", LATER),
    "version 4, measures without the option": ("ok", LATER),
    "version 1, cohort in two folders": ("rejected", NEWER_RULE),
}
