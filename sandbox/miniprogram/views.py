"""The mini-program API's endpoints: token, faults, effect, answer."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from flask import Blueprint, Response, jsonify, request

from sandbox.faults import Fault
from sandbox.gateway import Gateway, current_gateway
from sandbox.miniprogram import links, logins, messages, phones, shippings, tokens
from sandbox.miniprogram.errors import ErrCode
from sandbox.wechat.views import dropped, pause

miniprogram = Blueprint("miniprogram", __name__)

_LOGIN_FIELDS = ("appid", "secret", "js_code", "grant_type")
_IMAGE = "image/png"


@dataclass(frozen=True)
class Call:
    """One call: whose token it carries (empty where none is asked for), and what it says."""

    gateway: Gateway
    appid: str
    faults: Mapping[str, Fault]

    def body(self) -> Any:
        """Read the JSON body. Raises ErrCode."""
        try:
            return json.loads(request.get_data())
        except ValueError:
            raise ErrCode(47001) from None


Effect = Callable[[Call], dict[str, Any] | bytes]


def serve(operation: str, effect: Effect, *, has_token: bool = True) -> Response:
    """Check the token, let faults strike, take effect; an error is a 200 with `errcode`."""
    gateway = current_gateway()
    faults = gateway.faults.draw(operation, None)
    try:
        answer = _strike(gateway, effect, faults, has_token=has_token)
    except ErrCode as problem:
        answer = {"errcode": problem.code, "errmsg": problem.message}
    if answer is None:
        return dropped()
    if isinstance(answer, bytes):
        return Response(answer, content_type=_IMAGE)
    return jsonify(answer)


def _strike(
    gateway: Gateway, effect: Effect, faults: Mapping[str, Fault], *, has_token: bool
) -> dict[str, Any] | bytes | None:
    """Run the effect between the faults; None is a connection that goes away."""
    pause(faults, "latency")
    if "drop_before" in faults:
        return None
    if "error_before" in faults:
        raise ErrCode(-1)
    if "frequency_limited" in faults:
        raise ErrCode(45011)
    token = request.args.get("access_token", "")
    if has_token and "token_expired" in faults:
        tokens.expire(gateway, token)
    answer: dict[str, Any] | bytes
    try:
        appid = tokens.app_of(gateway, token) if has_token else ""
        answer = effect(Call(gateway, appid, faults))
        if isinstance(answer, dict) and has_token:
            answer = {"errcode": 0, "errmsg": "ok", **answer}
    except ErrCode as problem:
        answer = {"errcode": problem.code, "errmsg": problem.message}
    pause(faults, "latency_after")
    if "error_after" in faults:
        raise ErrCode(-1)
    return None if "drop_after" in faults else answer


@miniprogram.get("/sns/jscode2session")
def code_to_session() -> Response:
    """Trade a login code for the shopper's openid."""
    return serve("code2session", _code_to_session, has_token=False)


def _code_to_session(call: Call) -> dict[str, Any]:
    given = {name: request.args.get(name, "") for name in _LOGIN_FIELDS}
    answer = logins.redeem(call.gateway, given)
    if "login_code_used" in call.faults:
        raise ErrCode(40163)
    return answer


@miniprogram.post("/cgi-bin/stable_token")
def stable_token() -> Response:
    """Give an app its access token."""
    return serve(
        "stable_token",
        lambda call: tokens.stable_token(call.gateway, call.body()),
        has_token=False,
    )


@miniprogram.post("/wxa/business/getuserphonenumber")
def phone_number() -> Response:
    """Trade a code for a telephone number."""
    return serve(
        "phone_number", lambda call: phones.phone_number(call.gateway, call.appid, call.body())
    )


@miniprogram.post("/wxa/getwxacodeunlimit")
def code_image() -> Response:
    """Draw a code to scan."""
    return serve("qr_code", lambda call: links.code_image(call.body()))


@miniprogram.post("/wxa/generate_urllink")
def url_link() -> Response:
    """Make a link that opens the mini-program."""
    return serve("url_link", lambda call: links.url_link(call.gateway, call.appid, call.body()))


@miniprogram.post("/cgi-bin/message/subscribe/send")
def send_message() -> Response:
    """Send a message the shopper agreed to."""
    return serve(
        "send_message",
        lambda call: messages.send(
            call.gateway, call.appid, call.body(), is_refused="subscribe_refused" in call.faults
        ),
    )


@miniprogram.post("/wxa/sec/order/upload_shipping_info")
def upload_shipping() -> Response:
    """Keep the shipping information of a paid order."""
    return serve(
        "upload_shipping",
        lambda call: shippings.upload(call.gateway, call.appid, call.body()),
    )
