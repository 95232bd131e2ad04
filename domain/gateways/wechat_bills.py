"""Daily bills: asked for, downloaded, checked against their hash, and read line by line.

Format (WeChat Pay, 下载账单): UTF-8, a header line, a line per movement whose cells each begin
with a backtick, a header and a line of sums. Amounts are yuan, times Beijing's.
"""

import gzip
import hashlib
import re
import zlib
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, date, datetime
from decimal import Decimal

from domain.clock import SHANGHAI
from domain.gateways.errors import GatewayUnknown
from domain.gateways.protocol import BillKind, BillLine, BillLineKind
from domain.gateways.wechat_answers import Malformed, read_text
from domain.gateways.wechat_asking import WeChatAsking, read
from domain.money import Fen

_NOTHING = "NOSTATEMENTEXIST"
_FILE = "/v3/billdownload/file?"
# Transfers are paid from either; which one is the merchant's setting.
_TRANSFER_ACCOUNTS = ("BASIC", "OPERATION")
_GZIP = b"\x1f\x8b"
_YUAN = re.compile(r"[0-9]{1,12}(\.[0-9]{1,2})?")
# A description may hold a line break: a row begins with a backtick, the sums with these words.
_ROW_BREAK = re.compile(r"\r?\n(?=`|总交易单数|资金流水总笔数)")
_FREE_TEXT = ("商品名称", "备注")
_SUMS = ("总交易单数", "资金流水总笔数")

Row = Mapping[str, str]


class WeChatBills:
    """Bills of one merchant account."""

    def __init__(self, asking: WeChatAsking) -> None:
        self._asking = asking

    def download(self, on: date, kind: BillKind) -> Iterator[BillLine]:
        """Download a Shanghai day's bill; all of it is read before the first line is given."""
        day = on.isoformat()
        client = self._asking.client
        if kind is BillKind.TRADE:
            return iter(self._lines(lambda: client.trade_bill(day), _trade_line))
        return iter(
            [
                line
                for account in _TRANSFER_ACCOUNTS
                for line in self._lines(
                    lambda account=account: client.fundflow_bill(day, account_type=account),  # type: ignore[misc]
                    _transfer_line,
                )
            ]
        )

    def _lines(
        self, call: Callable[[], tuple[int, str]], line_of: Callable[[Row], BillLine | None]
    ) -> list[BillLine]:
        answer = self._asking.ask("bill", call)
        if answer.code == _NOTHING:
            return []
        url, digest = read(
            answer, lambda body: (read_text(body, "download_url"), read_text(body, "hash_value"))
        )
        try:
            if answer.body.get("hash_type") != "SHA1":
                raise Malformed(f"hash_type {answer.body.get('hash_type')}")
            content = self._file(url)
            if hashlib.sha1(content, usedforsecurity=False).hexdigest() != digest.lower():
                raise Malformed("the file does not have its hash")
            lines = [line_of(row) for row in parse_rows(content.decode())]
        except (Malformed, UnicodeDecodeError) as problem:
            raise GatewayUnknown(message=f"wechat bill: {problem}", operation="bill") from problem
        return [line for line in lines if line is not None]

    def _file(self, url: str) -> bytes:
        """Fetch a file; the SDK would send our signature to whatever begins like the gateway."""
        if not url.startswith(self._asking.sdk.base_url + _FILE):
            raise Malformed("the file is somewhere else")
        content = self._asking.fetch("bill", lambda: self._asking.client.download_bill(url))
        if not content.startswith(_GZIP):
            return content
        try:
            return gzip.decompress(content)
        except (OSError, EOFError, zlib.error):
            raise Malformed("the file is no GZIP") from None


def parse_rows(text: str) -> Iterator[Row]:
    """Read a bill's rows by the names of its header. Raises Malformed."""
    header, *rows = _ROW_BREAK.split(text.removeprefix("\ufeff").strip("\r\n"))
    names = [name.strip() for name in header.split(",")]
    if len(rows) < 2 or not rows[-2].startswith(_SUMS):
        raise Malformed("the bill has no sums")
    for row in rows[:-2]:
        yield dict(zip(names, _cells(row, names), strict=True))


def _cells(row: str, names: list[str]) -> list[str]:
    """Split a row; what is too much belongs to the free text, which may hold the separator."""
    cells = row.removeprefix("`").split(",`")
    excess = len(cells) - len(names)
    at = next((names.index(name) for name in _FREE_TEXT if name in names), -1)
    if excess < 0 or (excess and at < 0):
        raise Malformed(f"a row of {len(cells)} cells under {len(names)} names")
    if excess:
        cells[at : at + excess + 1] = [",`".join(cells[at : at + excess + 1])]
    return [cell.strip() for cell in cells]


def _trade_line(row: Row) -> BillLine | None:
    state = _cell(row, "交易状态")
    if state == "SUCCESS":
        amount = row.get("订单金额") or _cell(row, "应结订单金额")
        kind, number, gateway_no = BillLineKind.PAYMENT, "商户订单号", "微信订单号"
    elif state == "REFUND":
        amount = row.get("申请退款金额") or _cell(row, "退款金额")
        kind, number, gateway_no = BillLineKind.REFUND, "商户退款单号", "微信退款单号"
    elif state == "REVOKED":
        # Payment codes only (付款码): no order of a mini-program is ever revoked.
        return None
    else:
        raise Malformed(f"交易状态 {state}")
    return BillLine(
        kind, _cell(row, number), _cell(row, gateway_no), fen_of(amount), _at(row, "交易时间")
    )


def _transfer_line(row: Row) -> BillLine | None:
    if "转账" not in _cell(row, "业务名称") + row.get("业务类型", ""):
        return None
    yuan = next((row[name] for name in row if name.startswith("收支金额")), "")
    amount, direction = fen_of(yuan), _cell(row, "收支类型")
    if direction not in {"收入", "支出"}:
        raise Malformed(f"收支类型 {direction}")
    return BillLine(
        BillLineKind.TRANSFER,
        _cell(row, "业务凭证号"),
        _cell(row, "微信支付业务单号"),
        amount if direction == "支出" else Fen(-amount),
        _at(row, "记账时间"),
    )


def fen_of(yuan: str) -> Fen:
    """Turn yuan with at most two decimals into fen, exactly. Raises Malformed."""
    if not _YUAN.fullmatch(yuan):
        raise Malformed(f"{yuan!r} is no amount in yuan")
    return Fen(int(Decimal(yuan) * 100))


def _cell(row: Row, name: str) -> str:
    value = row.get(name)
    if not value:
        raise Malformed(f"{name} is missing")
    return value


def _at(row: Row, name: str) -> datetime:
    try:
        local = datetime.strptime(_cell(row, name), "%Y-%m-%d %H:%M:%S")  # noqa: DTZ007 - Beijing
    except ValueError:
        raise Malformed(f"{name} is no time") from None
    return local.replace(tzinfo=SHANGHAI).astimezone(UTC)
