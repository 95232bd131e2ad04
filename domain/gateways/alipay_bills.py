"""Alipay's bill files: a zip with a detail file in GBK, read into lines and checked.

Alipay gives no hash. What stands for it: the zip's own checksum, the mark that ends the list, and
the number and sum that the last lines tell.
"""

import csv
import io
import re
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from datetime import date

from domain.gateways.alipay_forms import read_instant, read_yuan, unnamed_refund
from domain.gateways.protocol import BillKind, BillLine, BillLineKind, unreadable_line
from domain.money import Fen

_MOST_BYTES = 512 * 1024 * 1024
_TITLES = {BillKind.TRADE: "业务明细", BillKind.TRANSFERS: "账务明细"}
BILL_TYPES = {BillKind.TRADE: "trade", BillKind.TRANSFERS: "signcustomer"}
_TRANSFER = "转账"
_TRADE_KINDS = {"交易": BillLineKind.PAYMENT, "退款": BillLineKind.REFUND}
_TOTAL = re.compile(r"#(交易|退款|支出|收入)合计：(\d+)笔，\D*(-?\d+\.\d{2})元")
_HEADERS = {BillKind.TRADE: "支付宝交易号", BillKind.TRANSFERS: "账务流水号"}
Row = dict[str, str]


class BillBroken(Exception):
    """A bill's file is not whole, or does not add up."""


def read_bill(packed: bytes, kind: BillKind, on: date) -> Iterator[BillLine]:
    """Read a bill's lines; one that cannot be read stops no other. Raises BillBroken."""
    lines = _detail(packed, _TITLES[kind]).splitlines()
    rows, odd = _rows(lines, kind)
    read = _trade_line if kind is BillKind.TRADE else _transfer_line
    found: list[BillLine] = []
    for row in rows:
        try:
            line = read(row)
        except (KeyError, ValueError) as problem:
            odd.append((",".join(row.values()), f"{type(problem).__name__}: {problem}"))
            continue
        if line is not None:
            found.append(line)
    if not odd:
        # What cannot be read cannot be added up either: it is a task of its own.
        _check_totals(lines, rows, kind)
    return iter([*found, *(unreadable_line(said, problem, on) for said, problem in odd)])


def _detail(packed: bytes, title: str) -> str:
    """Find the detail file by its first line: names are GBK that a zip does not mark as such."""
    try:
        with zipfile.ZipFile(io.BytesIO(packed)) as archive:
            if sum(info.file_size for info in archive.infolist()) > _MOST_BYTES:
                raise BillBroken("the files are too large")
            for info in archive.infolist():
                content = archive.read(info).decode("gb18030")
                if content.lstrip("\ufeff").startswith(f"#支付宝{title}查询"):
                    return content
    except (zipfile.BadZipFile, zlib.error, EOFError, UnicodeDecodeError) as problem:
        raise BillBroken(type(problem).__name__) from problem
    raise BillBroken(f"no {title}")


def _rows(lines: Sequence[str], kind: BillKind) -> tuple[list[Row], list[tuple[str, str]]]:
    """Return the rows, and those with another number of cells: (what stands there, why)."""
    title = _TITLES[kind]
    start = next((i for i, line in enumerate(lines) if f"{title}列表-" in line), None)
    end = next((i for i, line in enumerate(lines) if f"{title}列表结束" in line), None)
    if start is None or end is None or end <= start + 1:
        raise BillBroken("the list has no end")
    try:
        header, *rows = csv.reader(lines[start + 1 : end], quoting=csv.QUOTE_NONE)
    except csv.Error as problem:
        raise BillBroken(f"no list: {problem}") from problem
    names = [name.strip() for name in header]
    if names[0] != _HEADERS[kind]:
        raise BillBroken("the columns differ")
    whole = [
        dict(zip(names, (cell.strip() for cell in row), strict=True))
        for row in rows
        if len(row) == len(names)
    ]
    odd = [
        (",".join(row), f"{len(row)} cells under {len(names)} names")
        for row in rows
        if len(row) != len(names)
    ]
    return whole, odd


def _check_totals(lines: Sequence[str], rows: Sequence[Row], kind: BillKind) -> None:
    told = {match[1]: match for line in lines if (match := _TOTAL.match(line))}
    for name, amounts in _amounts(rows, kind).items():
        if name not in told:
            raise BillBroken(f"no total of {name}")
        count, total = int(told[name][2]), read_yuan(told[name][3])
        if (count, abs(total)) != (len(amounts), abs(sum(amounts))):
            raise BillBroken(f"the total of {name} differs")


def _amounts(rows: Sequence[Row], kind: BillKind) -> dict[str, list[Fen]]:
    try:
        if kind is BillKind.TRADE:
            return {
                name: [read_yuan(row["商家实收（元）"]) for row in rows if row["业务类型"] == name]
                for name in _TRADE_KINDS
            }
        columns = {"支出": "支出金额（-元）", "收入": "收入金额（+元）"}
        every = {
            name: [read_yuan(row[column] or "0") for row in rows]
            for name, column in columns.items()
        }
    except (KeyError, ValueError) as problem:
        raise BillBroken(f"a line cannot be read: {problem}") from problem
    return {name: [fen for fen in amounts if fen] for name, amounts in every.items()}


def _trade_line(row: Row) -> BillLine:
    kind = _TRADE_KINDS.get(row["业务类型"])
    if kind is None:
        raise ValueError(f"业务类型 {row['业务类型']}")
    is_refund = kind is BillLineKind.REFUND
    number = row["退款批次号/请求号"] if is_refund else row["商户订单号"]
    return BillLine(
        kind=kind,
        number=number or unnamed_refund(row["支付宝交易号"], row["完成时间"]),
        gateway_no=row["支付宝交易号"],
        amount_fen=Fen(abs(read_yuan(row["订单金额（元）"]))),
        at=read_instant(row["完成时间"]),
        trade_no=row["商户订单号"],
    )


def _transfer_line(row: Row) -> BillLine | None:
    amount = read_yuan(row["支出金额（-元）"] or "0")
    if row["业务类型"] != _TRANSFER or not amount:
        return None
    return BillLine(
        kind=BillLineKind.TRANSFER,
        number=row["商户订单号"],
        gateway_no=row["业务流水号"],
        amount_fen=Fen(abs(amount)),
        at=read_instant(row["发生时间"]),
    )
