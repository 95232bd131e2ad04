"""The one place that builds `python-alipay-sdk` and touches its private attributes.

The certificate class, as transfers need it. The SDK builds and signs requests and checks
signatures; reading answers is ours: it takes an unsigned error for one, does not check
`error_response`, and counts braces inside texts. In use, watched by a canary test:
`alipay.urlopen`, `DCAliPay._gateway`, `._app_cert_sn`, `._alipay_root_cert_sn`, `._verify`, and
the keywords of `server_api`.
"""

import io
import threading
import time
from collections.abc import Mapping
from typing import Any

import alipay
import requests

from domain.clock import real_now
from domain.config import ALIPAY_OFFICIAL, Settings
from domain.gateways.alipay_answers import Answer, read_answer
from domain.gateways.alipay_certificates import certificate_number, root_number
from domain.gateways.alipay_forms import write_instant
from domain.gateways.errors import GatewayUnknown
from domain.gateways.hosts import allowed_base_url, allowed_download_url
from domain.gateways.keep_alive import KeepAlive
from domain.gateways.protocol import GatewayCredentials

CONNECT_SECONDS, READ_SECONDS = 3.0, 10.0
_LEAST_SECONDS = 0.05
_BUDGET_SECONDS = CONNECT_SECONDS + READ_SECONDS
_MOST_BILL_BYTES = 256 * 1024 * 1024
_FORM = {"Content-Type": "application/x-www-form-urlencoded;charset=utf-8"}

_sdk_module: Any = alipay
_new_client: Any = alipay.DCAliPay


class UrlOpen:
    """Stands where the SDK's `urlopen` stood: keep-alive, and time-outs within one call's budget.

    The query is sent as a form: it carries open ids and login codes, and URLs end up in logs.
    """

    def __init__(self) -> None:
        self._http = KeepAlive()
        self._local = threading.local()

    def begin(self) -> None:
        """Begin a call of this thread: all it sends must be answered within 13 seconds."""
        self._local.until = time.monotonic() + _BUDGET_SECONDS

    def forget_answer(self) -> None:
        """Forget this thread's latest answer."""
        self._http.forget_answer()

    def answer(self) -> requests.Response | None:
        """Return this thread's answer since `forget_answer`, or None if none came."""
        return self._http.answer()

    def __call__(self, url: str, timeout: object = None) -> io.BytesIO:  # noqa: ARG002 - the SDK's
        """Send what the SDK would get, as a POST. Raises what requests raises."""
        address, _, query = url.partition("?")
        answer = self._http.post(address, data=query, headers=_FORM, timeout=self._timeouts())
        return io.BytesIO(answer.content)

    def download(self, url: str) -> bytes:
        """Get a file. Raises what requests raises, also for a status other than 2xx."""
        answer = self._http.get(url, timeout=self._timeouts())
        answer.raise_for_status()
        if len(answer.content) > _MOST_BILL_BYTES:
            raise requests.RequestException("the file is too large")
        return answer.content

    def _timeouts(self) -> tuple[float, float]:
        left = getattr(self._local, "until", time.monotonic() + _BUDGET_SECONDS) - time.monotonic()
        connect = min(CONNECT_SECONDS, left / 4)
        read = min(READ_SECONDS, left - connect)
        if connect < _LEAST_SECONDS:
            raise requests.Timeout("nothing is left of this call's time")
        return connect, read


_transport = UrlOpen()


class AlipaySdk:
    """One account's SDK client: asks, and says what may be believed of the answer.

    After a rotation, what the gateway signs with its former certificate is believed, too.
    """

    def __init__(self, client: Any, config: Settings, former: Any = None) -> None:
        self.client = client
        self._config = config
        self._former = former

    def begin(self) -> None:
        """Begin one call of the provider, however many requests it takes."""
        _transport.begin()

    def ask(
        self, operation: str, method: str, content: Mapping[str, Any] | None = None, **common: str
    ) -> Answer:
        """Make one request. Raises GatewayUnknown without a well-signed answer."""
        _transport.forget_answer()
        # The SDK would write its process's local time; Alipay wants Beijing's.
        stamp = write_instant(real_now())
        refused: Exception | None = None
        try:
            self.client.server_api(method, dict(content or {}), timestamp=stamp, **common)
        except Exception as problem:
            # Business failures and answers it cannot check come this way too: the answer tells.
            refused = problem
        response = _transport.answer()
        if response is None or not response.ok:
            what = type(refused).__name__ if response is None else str(response.status_code)
            # The cause would carry open ids or login codes.
            raise GatewayUnknown(
                message=f"alipay {operation}: {what}", operation=operation
            ) from None
        answer = read_answer(operation, method, response.text, self.is_signed)
        if not answer.is_signed:
            raise GatewayUnknown(message=f"alipay {operation}: not signed", operation=operation)
        return answer

    def is_signed(self, text: str, signature: str) -> bool:
        """Say whether a text is signed by the gateway's key."""
        clients = [self.client] if self._former is None else [self.client, self._former]
        return any(_verifies(client, text, signature) for client in clients)

    def download(self, operation: str, url: str) -> bytes:
        """Get a file the gateway named. Raises GatewayUnknown."""
        try:
            return _transport.download(allowed_download_url(url, config=self._config))
        except (requests.RequestException, ValueError) as problem:
            raise GatewayUnknown(
                message=f"alipay {operation}: {type(problem).__name__}", operation=operation
            ) from None


def _verifies(client: Any, text: str, signature: str) -> bool:
    try:
        return bool(client._verify(text, signature))
    except Exception:
        return False


def build_sdk(
    credentials: GatewayCredentials,
    config: Settings,
    *,
    former: GatewayCredentials | None = None,
) -> AlipaySdk:
    """Build the SDK for one account; reaches out to nobody.

    Requests go out with `credentials`; `former` are those before a rotation. Raises ValueError for
    a host that is not allowed, and whatever the SDK raises for bad keys.
    """
    gateway = allowed_base_url(config.alipay_base_url, official=ALIPAY_OFFICIAL, config=config)
    client = _client(credentials)
    client._gateway = gateway
    _sdk_module.urlopen = _transport
    return AlipaySdk(client, config, None if former is None else _client(former))


def _client(credentials: GatewayCredentials) -> Any:
    client = _new_client(
        appid=credentials.app_id,
        app_private_key_string=credentials.merchant_private_key_pem,
        app_public_key_cert_string=credentials.merchant_certificate_pem,
        alipay_public_key_cert_string=credentials.platform_certificate_pem,
        alipay_root_cert_string=credentials.root_certificate_pem,
        sign_type="RSA2",
    )
    client._app_cert_sn = certificate_number(credentials.merchant_certificate_pem)
    client._alipay_root_cert_sn = root_number(credentials.root_certificate_pem)
    return client
