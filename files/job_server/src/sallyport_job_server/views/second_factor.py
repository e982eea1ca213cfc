"""Pages of one's own one-time codes and recovery codes."""

from __future__ import annotations

import segno
from flask import Blueprint, flash, redirect, request, url_for
from flask.typing import ResponseReturnValue

from sallyport_common.problems import Problem
from sallyport_common.web import check_csrf
from sallyport_job_server.services import one_time_codes
from sallyport_job_server.views.account import settings_page
from sallyport_job_server.views.context import me, services

blueprint = Blueprint("second_factor", __name__)
blueprint.before_request(check_csrf)

ISSUER = "Sallyport"


def _qr_code(link: str) -> str:
    """Return the link as a QR code, in SVG for the page; it holds only numbers and our title."""
    made = segno.make(link, error="m", micro=False)
    title = "QR code of the secret, for an authenticator"
    return str(made.svg_inline(scale=5, light="#fff", title=title))


def _set_up(secret: str, **more: object) -> str:
    link = one_time_codes.address(secret, me().username, ISSUER)
    return settings_page(totp_secret=secret, totp_link=link, qr_code=_qr_code(link), **more)


@blueprint.post("/settings/totp/")
def start() -> ResponseReturnValue:
    """Show the secret of one-time codes, to be confirmed with a code."""
    return _set_up(one_time_codes.new_secret())


@blueprint.post("/settings/totp/on/")
def turn_on() -> ResponseReturnValue:
    """Turn one-time codes on and show the recovery codes, this once."""
    secret, user = request.form.get("secret", ""), me()
    try:
        codes = services().second_factor.turn_on(user, secret, request.form.get("code", ""))
    except Problem as problem:
        if user.totp_secret or not one_time_codes.is_secret(secret):
            raise
        # Who mistyped a code has the secret in the phone by now.
        return _set_up(secret, totp_problem=problem), problem.status
    return settings_page(recovery_codes=codes)


@blueprint.post("/settings/totp/off/")
def turn_off() -> ResponseReturnValue:
    """Turn one-time codes off."""
    services().second_factor.turn_off(me(), request.form.get("code", ""))
    flash("One-time codes are off.")
    return redirect(url_for("account.settings"))


@blueprint.post("/settings/recovery-codes/")
def renew_codes() -> ResponseReturnValue:
    """Show new recovery codes, this once; the old ones end."""
    codes = services().second_factor.renew_codes(me(), request.form.get("code", ""))
    return settings_page(recovery_codes=codes)
