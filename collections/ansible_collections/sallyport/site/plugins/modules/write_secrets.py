"""What `write_secrets` takes, for readers and tools; the action plugin of this name does it."""

DOCUMENTATION = """
module: write_secrets
short_description: Keep the vault file of an inventory complete
description:
  - Makes each secret that a role declares in its C(meta/secrets.yml) and the vault file lacks.
  - Keeps what the vault file holds, comments included, and encrypts it where a password is given.
  - Runs on the controller; no value leaves it but into that file.
options:
  rotate:
    description: >-
      Secrets to give new values in place of making missing ones; a former token or public key stays
      as C(<name>_previous).
    type: list
    elements: str
  forget:
    description: Remove the former values that a rotation left, and do nothing else.
    type: bool
    default: false
author: [Sallyport developers]
"""

EXAMPLES = """
- name: Add the missing secrets
  sallyport.site.write_secrets:

- name: Give one secret a new value
  sallyport.site.write_secrets:
    rotate: [vault_runner_job_server_token]
"""

RETURN = """
names:
  description: The secrets that were made, replaced or forgotten; never their values.
  type: list
  elements: str
  returned: success
path:
  description: The vault file.
  type: str
  returned: success
encrypted:
  description: Whether the file is encrypted.
  type: bool
  returned: success
"""
