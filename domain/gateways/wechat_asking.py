"""One call to WeChat Pay: made through the SDK, its answer checked, errors told apart."""

import json
import re
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, TypeVar
from urllib.parse import quote

from domain.clock import real_now
from domain.gateways.errors import GatewayRejected, GatewayUnknown
from domain.gateways.reading import Malformed
from domain.gateways.wechat_answers import Answer, failure
from domain.gateways.wechat_sdk import WeChatSdk

SKEW_SECONDS = 300
T = TypeVar("T")
Call = Callable[[], tuple[int, Any]]
# The SDK formats numbers into paths: only characters that mean nothing there.
_NUMBER = re.compile(r"[0-9A-Za-z]{6,32}")
_REFUND_NUMBER = re.compile(r"[0-9A-Za-z_\-|*@]{1,64}", re.ASCII)
_STAMP = re.compile(r"[0-9]{1,12}", re.ASCII)


class NumberUnfit(ValueError):
    """A number that must not be formatted into a path."""


class WeChatAsking:
    """Asks through a merchant's SDK."""

    def __init__(self, sdk: WeChatSdk) -> None:
        self.sdk = sdk

    @property
    def client(self) -> Any:
        """The SDK client that requests go out with."""
        return self.sdk.client

    def ask(self, operation: str, call: Call) -> Answer:
        """Make one SDK call. Raises GatewayUnknown without a well-signed, fresh answer."""
        answer, _ = self._make(operation, call)
        if answer.is_ok and not answer.is_signed:
            raise failure(answer)
        return answer

    def fetch(self, operation: str, call: Call) -> bytes:
        """Make one SDK call for a file, which is not signed: check it otherwise.

        Raises GatewayUnknown for whatever is not the file; its address does not live long.
        """
        answer, content = self._make(operation, call)
        if not answer.is_ok:
            raise GatewayUnknown(
                message=f"wechat {operation}: {answer.status}",
                operation=operation,
                http_status=answer.status,
            )
        return content

    def _make(self, operation: str, call: Call) -> tuple[Answer, bytes]:
        self.sdk.forget_answer()
        try:
            status, _ = call()
            response = self.sdk.answer()
            if response is None:
                raise LookupError("the SDK did not use the transport it was given")
            content: bytes = response.content
            text = content.decode(errors="replace")
            is_signed = is_fresh(response.headers, real_now()) and (
                200 <= status < 300 or self.sdk.is_signed(response.headers, text)
            )
        except NumberUnfit:
            raise
        except Exception as problem:
            raise GatewayUnknown(
                message=f"wechat {operation}: {type(problem).__name__}", operation=operation
            ) from problem
        return Answer(operation, status, _body(text), is_signed), content


def fit_number(number: str) -> str:
    """Return a number of ours that may stand in a path. Raises NumberUnfit."""
    if not _NUMBER.fullmatch(number):
        raise NumberUnfit(f"{number!r} is not 6 to 32 letters and digits")
    return number


def fit_refund_number(number: str) -> str:
    """Return a refund's number for a path: ours, or what the merchant's console made of it.

    Raises NumberUnfit.
    """
    if not _REFUND_NUMBER.fullmatch(number):
        raise NumberUnfit(f"{number!r} is no number of a refund")
    return quote(number, safe="")


def read(answer: Answer, reader: Callable[[Mapping[str, Any]], T]) -> T:
    """Read a success. Raises what another answer stands for, GatewayUnknown if it is malformed."""
    if not answer.is_ok:
        raise failure(answer)
    try:
        return reader(answer.body)
    except Malformed as problem:
        raise GatewayUnknown(
            message=f"wechat {answer.operation}: {problem}", operation=answer.operation
        ).about(answer.operation, problem, answer.body) from problem


def unasked(operation: str, why: str) -> GatewayRejected:
    """Return the error of a request that the gateway would refuse, and is not asked."""
    return GatewayRejected(message=f"wechat {operation}: {why}", operation=operation)


def is_fresh(headers: Mapping[str, str], now_real: datetime) -> bool:
    """Say whether it was signed within 5 minutes of now, by real time; the SDK does not look."""
    stamp = headers.get("Wechatpay-Timestamp", "")
    if not _STAMP.fullmatch(stamp):
        return False
    return abs(now_real.timestamp() - int(stamp)) <= SKEW_SECONDS


def _body(text: str) -> Mapping[str, Any]:
    try:
        body = json.loads(text) if text else {}
    except (ValueError, RecursionError):
        return {}
    return body if isinstance(body, dict) else {}
