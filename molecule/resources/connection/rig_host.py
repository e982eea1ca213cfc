"""A connection into a host of a rig whose Python stays up from task to task, by Mitogen.

Mitogen's own plugin for Docker reads the container's name from a value that is not templated.
"""

from __future__ import annotations

from ansible_mitogen.connection import Connection as MitogenConnection

DOCUMENTATION = """
name: rig_host
author: Sallyport
short_description: Mitogen's way into a container
description: Keeps one Python process per container and play.
options:
  host:
    description: Name of the container.
    type: str
    default: inventory_hostname
    vars: [{name: inventory_hostname}, {name: ansible_host}]
"""


class Connection(MitogenConnection):
    """Runs Python in a container with `docker exec`."""

    transport = "docker"
