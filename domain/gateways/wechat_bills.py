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
from domain.gateways.protocol import BillKind, BillLine, BillLineKind, unreadable_line
from domain.gateways.reading import Malformed, read_text
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
            return iter(self._lines(on, lambda: client.trade_bill(day), _trade_line))
        return iter(
            [
                line
                for account in _TRANSFER_ACCOUNTS
                for line in self._lines(
                    on,
                    lambda account=account: client.fundflow_bill(day, account_type=account),  # type: ignore[misc]
                    _transfer_line,
                )
            ]
        )

    def _lines(
        self,
        on: date,
        call: Callable[[], tuple[int, str]],
        line_of: Callable[[Row], BillLine | None],
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
            lines = read_lines(content.decode(), line_of, on)
        except (Malformed, UnicodeDecodeError) as problem:
            raise GatewayUnknown(message=f"wechat bill: {problem}", operation="bill") from problem
        return lines

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


def read_lines(text: str, line_of: Callable[[Row], BillLine | None], on: date) -> list[BillLine]:
    """Read a bill's lines; one that cannot be read stops no other. Raises Malformed.

    A text without its sums is not whole, and no bill.
    """
    names, rows = _split(text)
    lines = []
    for row in rows:
        try:
            line = line_of(dict(zip(names, _cells(row, names), strict=True)))
        except Malformed as problem:
            line = unreadable_line(row, str(problem), on)
        if line is not None:
            lines.append(line)
    return lines


def _split(text: str) -> tuple[list[str], list[str]]:
    """Split a bill into its names and its rows, without the sums. Raises Malformed."""
    header, *rows = _ROW_BREAK.split(text.removeprefix("\ufeff").strip("\r\n"))
    if len(rows) < 2 or not rows[-2].startswith(_SUMS):
        raise Malformed("the bill has no sums")
    return [name.strip() for name in header.split(",")], rows[:-2]


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
    if state == "REVOKED":
        # Payment codes only (付款码): no order of a mini-program is ever revoked.
        return None
    if state not in {"SUCCESS", "REFUND"}:
        raise Malformed(f"交易状态 {state}")
    is_refund = state == "REFUND"
    if is_refund:
        kind, number, gateway_no = BillLineKind.REFUND, "商户退款单号", "微信退款单号"
    else:
        kind, number, gateway_no = BillLineKind.PAYMENT, "商户订单号", "微信订单号"
    return BillLine(
        kind,
        _cell(row, number),
        _cell(row, gateway_no),
        _refunded(row) if is_refund else fen_of(row.get("订单金额") or _cell(row, "应结订单金额")),
        _at(row, "交易时间"),
        trade_no=_cell(row, "商户订单号"),
        currency=row.get("货币种类", ""),
    )


def _refunded(row: Row) -> Fen:
    """Read what a refund gave back: 申请退款金额 is what was asked for, not what is refunded."""
    told = row.get("退款金额")
    if told is None:
        return fen_of(_cell(row, "申请退款金额"))
    return Fen(fen_of(told) + fen_of(row.get("充值券退款金额") or "0"))


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
