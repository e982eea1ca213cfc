"""What `check_inventory` takes, for readers and tools; the action plugin of this name does it."""

DOCUMENTATION = """
module: check_inventory
short_description: Judge the inventory before any host is touched
description:
  - Fails with every fault of the inventory that this run uses, and of the tags that it was given.
  - Each line names file and line where known, the variable, the hosts, and what is accepted.
  - Sets the fact C(__site_checked) where there is no fault.
  - Runs on the controller and changes nothing.
options: {}
author: [Sallyport developers]
"""

EXAMPLES = """
- name: Stop where the inventory has faults
  sallyport.site.check_inventory:
"""

RETURN = """
msg:
  description: The fault, or their number; each is printed on a line of its own before.
  type: str
  returned: failure
"""
