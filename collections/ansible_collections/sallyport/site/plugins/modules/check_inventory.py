"""What `check_inventory` takes, for readers and tools; the action plugin of this name does it."""

DOCUMENTATION = """
module: check_inventory
short_description: Judge the inventory before any host is touched
description:
  - Fails with one sentence about the first fault of the inventory that this run uses.
  - Sets the fact C(__site_checked) where there is no fault.
  - Runs on the controller and changes nothing.
options:
  values:
    description: Judge the values of variables too; without them, names and groups alone.
    type: bool
    default: true
author: [Sallyport developers]
"""

EXAMPLES = """
- name: Stop at the first fault
  sallyport.site.check_inventory:
"""

RETURN = """
msg:
  description: The first fault, and what would be right.
  type: str
  returned: failure
"""
