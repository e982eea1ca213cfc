"""What `install_packages` takes, for readers and tools; the action plugin of this name does it."""

DOCUMENTATION = """
module: install_packages
short_description: Install packages in one transaction
description:
  - Calls M(ansible.builtin.apt) once for all packages, without those they merely recommend.
  - Fetches the lists of the archive only where it fails without.
  - In check mode, which fetches no lists, a package that no list knows counts as a change.
options:
  names:
    description: Names of the packages, one or more.
    type: list
    elements: str
    required: true
author: [Sallyport developers]
"""

EXAMPLES = """
- name: Install the web server
  sallyport.site.install_packages:
    names: [git, nginx-light]
"""

RETURN = """
msg:
  description: Why the packages were not installed, or what check mode cannot know.
  type: str
  returned: failure, or in check mode on a host without lists
"""
