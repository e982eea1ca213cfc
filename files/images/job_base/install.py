"""Unpack wheels into a folder and write their programs: the images hold no pip, no compiler."""

import compileall
import configparser
import pathlib
import sys
import zipfile

SCRIPT = "#!/usr/bin/python3\nimport sys\n\nfrom {module} import {name}\n\nsys.exit({name}())\n"
PROGRAMS = pathlib.Path("/usr/local/bin")
# Jobs run as this account: without an entry whoami, Path.owner() and R find no name for it.
ACCOUNT = {
    "passwd": "sallyport-job:x:10000:10000::/tmp:/bin/sh\n",
    "group": "sallyport-job:x:10000:\n",
}

wheels, target = map(pathlib.Path, sys.argv[1:])
target.mkdir(parents=True)
for name, entry in ACCOUNT.items():
    with pathlib.Path("/etc", name).open("a", encoding="utf-8") as stream:
        stream.write(entry)
for wheel in sorted(wheels.glob("*.whl")):
    with zipfile.ZipFile(wheel) as archive:
        members = [name for name in archive.namelist() if "/tests/" not in name]
        archive.extractall(target, members)
# Containers have no place for compiled files: without these each job would compile them again.
compileall.compile_dir(target, quiet=2, workers=0)
for entries in sorted(target.glob("*.dist-info/entry_points.txt")):
    parser = configparser.ConfigParser(delimiters=("=",))
    parser.read_string(entries.read_text(encoding="utf-8"))
    for program, place in parser.items("console_scripts") if "console_scripts" in parser else ():
        module, _, name = place.partition(":")
        (PROGRAMS / program).write_text(SCRIPT.format(module=module.strip(), name=name.strip()))
        (PROGRAMS / program).chmod(0o755)
