"""Codes to scan can be read: by a reader that shares nothing with the writer but the standard."""

import zlib

import pytest

from sandbox.miniprogram.qr import MOST_BYTES, draw_png, encode

QUIET = 4


def pixels(png: bytes) -> list[bytes]:
    """Return the rows of an 8-bit grey PNG without filters, checking every chunk's sum."""
    chunks, at = {}, 8
    while at < len(png):
        length = int.from_bytes(png[at : at + 4], "big")
        kind, content = png[at + 4 : at + 8], png[at + 8 : at + 8 + length]
        assert zlib.crc32(kind + content) == int.from_bytes(png[at + 8 + length :][:4], "big")
        chunks[kind] = content
        at += 12 + length
    width = int.from_bytes(chunks[b"IHDR"][:4], "big")
    raw = zlib.decompress(chunks[b"IDAT"])
    rows = [raw[i : i + width + 1] for i in range(0, len(raw), width + 1)]
    assert all(row[0] == 0 for row in rows)
    return [row[1:] for row in rows]


def modules_of(png: bytes) -> list[list[int]]:
    """Sample the dark square: its corner is the first dark pixel, its finder is 7 modules wide."""
    rows = pixels(png)
    top = next(i for i, row in enumerate(rows) if 0 in row)
    left = rows[top].index(0)
    scale = next(i for i, value in enumerate(rows[top][left:]) if value) // 7
    middle = scale // 2
    return [
        [int(rows[top + r * scale + middle][left + c * scale + middle] == 0) for c in range(37)]
        for r in range(37)
    ]


def is_function(row: int, column: int) -> bool:
    finders = (row < 9 and column < 9) or (row < 9 and column > 28) or (row > 28 and column < 9)
    return finders or 6 in {row, column} or (28 <= row <= 32 and 28 <= column <= 32)


def read(png: bytes) -> str:
    modules = modules_of(png)
    bits = []
    columns = [c for c in range(36, -1, -1) if c != 6]
    for turn in range(18):
        for step in range(37):
            row = step if turn % 2 else 36 - step
            bits += [
                modules[row][column] ^ ((row + column) % 2 == 0)
                for column in columns[2 * turn : 2 * turn + 2]
                if not is_function(row, column)
            ]
    codewords = [int("".join(map(str, bits[i : i + 8])), 2) for i in range(0, 134 * 8, 8)]
    assert all(syndrome(codewords, power) == 0 for power in range(26))
    number = int.from_bytes(bytes(codewords[:108]), "big")
    assert number >> (108 * 8 - 4) == 0b0100
    length = number >> (108 * 8 - 12) & 0xFF
    return (
        (number >> (108 * 8 - 12 - 8 * length) & (1 << 8 * length) - 1)
        .to_bytes(length, "big")
        .decode()
    )


def syndrome(codewords: list[int], power: int) -> int:
    """Evaluate the codewords, as a polynomial, at a power of 2 in GF(256)."""
    point, value = 1, 0
    for _ in range(power):
        point = times(point, 2)
    for codeword in codewords:
        value = times(value, point) ^ codeword
    return value


def times(a: int, b: int) -> int:
    product = 0
    while b:
        product ^= a if b & 1 else 0
        a = a << 1 ^ (0x11D if a & 0x80 else 0)
        b >>= 1
    return product


@pytest.mark.parametrize("content", ["x", "pages/group/index?scene=share=0123456789", "团" * 35])
@pytest.mark.parametrize("width", [280, 430, 1280])
def test_code_is_read_back(content: str, width: int) -> None:
    assert read(draw_png(encode(content), width)) == content


def test_code_has_room_for_106_bytes() -> None:
    assert read(draw_png(encode("a" * MOST_BYTES), 430)) == "a" * MOST_BYTES
    with pytest.raises(ValueError, match="106"):
        encode("a" * (MOST_BYTES + 1))


def test_code_keeps_its_quiet_zone() -> None:
    rows = pixels(draw_png(encode("x"), 430))

    assert all(0 not in row for row in rows[: QUIET * 9])
