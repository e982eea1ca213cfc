"""Signs accepted job requests: the runner acts on what is signed, and on nothing else."""

from __future__ import annotations

import json
from typing import Any

import rfc8785

from sallyport_common.protocol import ENVELOPE_TYPE
from sallyport_common.settings import Secret
from sallyport_records import dsse, keys


class Signer:
    """Holds the server's private key."""

    def __init__(self, private_key: Secret) -> None:
        self._key = keys.load_private(private_key.reveal().encode())

    def envelope(self, payload: dict[str, Any]) -> str:
        """Return the signed envelope of a payload as JSON text, to be served verbatim."""
        return json.dumps(dsse.sign(ENVELOPE_TYPE, rfc8785.dumps(payload), self._key))
