"""A provider of OpenID Connect with two people: `python serve.py PORT CALLBACK`.

It runs in an environment of its own (`requirements.txt`) and keeps everything in memory.
"""

from __future__ import annotations

import datetime
import logging
import sys

from canaille import create_app
from canaille.app import models
from canaille.backends import Backend
from joserfc.jwk import RSAKey
from werkzeug.serving import make_server

CLIENT, SECRET, PASSWORD = "sallyport", "a secret of the client", "correct horse battery"
PEOPLE = {
    "rita.h": ("Rita Hospital", "r.hospital@example.org", ["researchers"]),
    "ada.h": ("Ada Hospital", "a.hospital@example.org", ["administrators", "researchers"]),
}


def fill(callback: str) -> None:
    """Make the people, their groups and the one client."""
    backend = Backend.instance
    people = {}
    for name, (fullname, mail, _groups) in PEOPLE.items():
        people[name] = models.User(
            user_name=name,
            formatted_name=fullname,
            display_name=name,
            family_name=fullname.split()[1],
            emails=[mail],
            password=PASSWORD,
        )
        backend.save(people[name])
    for group in sorted({one for _name, _mail, groups in PEOPLE.values() for one in groups}):
        members = [people[name] for name, (_n, _m, groups) in PEOPLE.items() if group in groups]
        backend.save(models.Group(display_name=group, members=members))
    client = models.Client(
        client_id=CLIENT,
        client_secret=SECRET,
        client_name="Sallyport",
        client_uri="https://trusted.example.org",
        redirect_uris=[callback],
        grant_types=["authorization_code"],
        response_types=["code"],
        scope=["openid", "profile", "email", "groups"],
        token_endpoint_auth_method="client_secret_basic",
        client_id_issued_at=datetime.datetime.now(datetime.UTC),
    )
    client.audience = [client]
    backend.save(client)


def main() -> None:
    """Serve until the process is ended."""
    port, callback = int(sys.argv[1]), sys.argv[2]
    key = RSAKey.generate_key(2048, {"alg": "RS256"}, auto_kid=True)
    app = create_app(
        {
            "SECRET_KEY": "of the tests",
            "SERVER_NAME": f"127.0.0.1:{port}",
            "PREFERRED_URL_SCHEME": "http",
            "TESTING": False,
            "CANAILLE": {
                "DATABASE": "memory",
                "NAME": "The Hospital",
                "LOGGING": {"version": 1, "root": {"level": "WARNING"}},
            },
            "CANAILLE_OIDC": {
                "ACTIVE_JWKS": [key.as_dict(private=True)],
                "TRUSTED_DOMAINS": ["trusted.example.org"],
            },
        }
    )
    app.config["SESSION_COOKIE_SECURE"] = False
    with app.app_context():
        fill(callback)
    logging.getLogger("werkzeug").setLevel(logging.WARNING)
    server = make_server("127.0.0.1", port, app, threaded=True)
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    server.serve_forever()


if __name__ == "__main__":
    main()
