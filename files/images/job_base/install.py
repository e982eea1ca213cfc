"""Unpack wheels into a folder: the images hold neither pip nor a compiler."""

import pathlib
import sys
import zipfile

wheels, target = map(pathlib.Path, sys.argv[1:])
target.mkdir(parents=True)
for wheel in sorted(wheels.glob("*.whl")):
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(target)
