"""QR codes of up to 106 bytes (ISO/IEC 18004: version 5, level L, byte mode), and their PNG.

One size is enough: version 5-L is a single block of 108 data and 26 error-correction codewords on
37 by 37 modules. The mask is always number 0, which readers accept as any other.
"""

import struct
import zlib
from collections.abc import Callable, Iterator

SIZE = 37
DATA_CODEWORDS, ERROR_CODEWORDS = 108, 26
MOST_BYTES = DATA_CODEWORDS - 2
_ALIGNMENT = 30
_QUIET = 4
_LEVEL_L_MASK_0 = 0b01000
_FIELD = 0x11D

Modules = list[list[bool]]
Put = Callable[[int, int, bool], None]


def _powers() -> tuple[list[int], list[int]]:
    exponents, logarithms, value = [0] * 510, [0] * 256, 1
    for power in range(255):
        exponents[power] = exponents[power + 255] = value
        logarithms[value] = power
        value = value << 1 ^ (_FIELD if value & 0x80 else 0)
    return exponents, logarithms


_EXP, _LOG = _powers()


def encode(content: str) -> Modules:
    """Return the modules of a text, dark ones true. Raises ValueError if it is too long."""
    data = content.encode()
    if len(data) > MOST_BYTES:
        raise ValueError(f"more than {MOST_BYTES} bytes")
    codewords = _data_codewords(data)
    bits = _bits(codewords + _remainder(codewords))
    modules, is_fixed = _frame()
    for row, column in _path(is_fixed):
        modules[row][column] = (next(bits, 0) == 1) ^ ((row + column) % 2 == 0)
    return modules


def _data_codewords(data: bytes) -> list[int]:
    """Write mode, length, bytes and end, and fill up with the two padding codewords."""
    number = 0b0100 << 8 | len(data)
    for byte in data:
        number = number << 8 | byte
    written = list((number << 4).to_bytes(len(data) + 2, "big"))
    padding = (0xEC, 0x11)
    return written + [padding[i % 2] for i in range(DATA_CODEWORDS - len(written))]


def _remainder(data: list[int]) -> list[int]:
    """Return the Reed-Solomon codewords: the remainder by the generator polynomial."""
    generator = [1]
    for power in range(ERROR_CODEWORDS):
        shifted = [*generator, 0]
        scaled = [0, *(_multiply(factor, _EXP[power]) for factor in generator)]
        generator = [a ^ b for a, b in zip(shifted, scaled, strict=True)]
    rest = [0] * ERROR_CODEWORDS
    for codeword in data:
        lead = codeword ^ rest[0]
        rest = [
            a ^ _multiply(factor, lead)
            for a, factor in zip([*rest[1:], 0], generator[1:], strict=True)
        ]
    return rest


def _multiply(a: int, b: int) -> int:
    return _EXP[_LOG[a] + _LOG[b]] if a and b else 0


def _bits(codewords: list[int]) -> Iterator[int]:
    return (codeword >> bit & 1 for codeword in codewords for bit in range(7, -1, -1))


def _frame() -> tuple[Modules, Modules]:
    """Return the modules that do not depend on the content, and which they are."""
    modules = [[False] * SIZE for _ in range(SIZE)]
    is_fixed = [[False] * SIZE for _ in range(SIZE)]

    def put(row: int, column: int, is_dark: bool) -> None:
        if 0 <= row < SIZE and 0 <= column < SIZE:
            modules[row][column], is_fixed[row][column] = is_dark, True

    for i in range(SIZE):
        put(6, i, i % 2 == 0)
        put(i, 6, i % 2 == 0)
    for middle_row, middle_column in ((3, 3), (3, SIZE - 4), (SIZE - 4, 3)):
        _square(put, middle_row, middle_column, {0, 1, 3}, reach=4)
    _square(put, _ALIGNMENT, _ALIGNMENT, {0, 2}, reach=2)
    for place, bit in enumerate(_format_bits()):
        for row, column in _format_places(place):
            put(row, column, bit)
    put(SIZE - 8, 8, True)
    return modules, is_fixed


def _square(put: Put, row: int, column: int, dark_rings: set[int], *, reach: int) -> None:
    for down in range(-reach, reach + 1):
        for right in range(-reach, reach + 1):
            put(row + down, column + right, max(abs(down), abs(right)) in dark_rings)


def _format_bits() -> list[bool]:
    """Return level and mask with their BCH code, masked, lowest bit first."""
    rest = _LEVEL_L_MASK_0
    for _ in range(10):
        rest = rest << 1 ^ (0x537 if rest >> 9 else 0)
    value = (_LEVEL_L_MASK_0 << 10 | rest) ^ 0x5412
    return [value >> place & 1 == 1 for place in range(15)]


def _format_places(place: int) -> tuple[tuple[int, int], tuple[int, int]]:
    """Return the two places of a format bit: beside the first finder, and beside the others."""
    if place < 6:
        first = (place, 8)
    elif place < 8:
        first = (place + 1, 8)
    else:
        first = (8, 7) if place == 8 else (8, 14 - place)
    second = (8, SIZE - 1 - place) if place < 8 else (SIZE - 15 + place, 8)
    return first, second


def _path(is_fixed: Modules) -> Iterator[tuple[int, int]]:
    """Walk the free modules: pairs of columns from the right, upwards and downwards in turn."""
    is_upward = True
    for right in (*range(SIZE - 1, 6, -2), 5, 3, 1):
        for step in range(SIZE):
            row = SIZE - 1 - step if is_upward else step
            for column in (right, right - 1):
                if not is_fixed[row][column]:
                    yield row, column
        is_upward = not is_upward


def draw_png(modules: Modules, width: int) -> bytes:
    """Draw modules as a grey PNG of `width` by `width` pixels, with a quiet zone around them."""
    scale = width // (len(modules) + 2 * _QUIET)
    margin = (width - scale * len(modules)) // 2
    blank = b"\0" + b"\xff" * width
    lines = [blank] * margin
    for row in modules:
        pixels = b"".join((b"\0" if is_dark else b"\xff") * scale for is_dark in row)
        lines += [b"\0" + (b"\xff" * margin + pixels).ljust(width, b"\xff")] * scale
    lines += [blank] * (width - len(lines))
    header = struct.pack(">IIBBBBB", width, width, 8, 0, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + _chunk(b"IHDR", header)
        + _chunk(b"IDAT", zlib.compress(b"".join(lines), 9))
        + _chunk(b"IEND", b"")
    )


def _chunk(kind: bytes, content: bytes) -> bytes:
    checksum = zlib.crc32(kind + content)
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", checksum)
