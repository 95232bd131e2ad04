"""The founding document's case beside the played one: rows of figures, in Chinese and English.

The document's figures are those of its section 5.2; a dash stands where it gives none and no way to
compute one. Played figures come from REST alone; those that the play was given as inputs are marked
so: that they come out as they went in shows nothing. Pure.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bench.playing.statements import Statement
from bench.playing.tables import draw_table

DOCUMENT_GROUPS = 5000
DASH = "–"
TITLE = {"zh": "创始文档的案例与本次演练", "en": "The founding document's case, and the played one"}
COLUMNS = {
    "zh": ("指标", "文档", "按本次规模", "本次演练"),
    "en": ("figure", "document", "at this size", "played"),
}

Figures = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Row:
    """One figure: its names, the document's, the same at this size, the played one."""

    zh: str
    en: str
    document: str
    at_this_size: str
    played: str


@dataclass(frozen=True, slots=True)
class Played:
    """What was read after the play: figures of the campaign and of all, shoppers' statements."""

    campaign: Figures
    everything: Figures
    statements: Sequence[Statement]
    size: int


def build_rows(played: Played) -> list[Row]:
    """Build the table's rows."""
    figures = played.campaign
    return [
        *_participation(figures, played.size),
        *_growth(figures, played.size),
        *_subsidies(figures, played.size),
        *_afterwards(played),
        *_clocks(figures),
    ]


def draw_case(rows: Iterable[Row], language: str) -> str:
    """Draw the table in a language."""
    name = "en" if language == "en" else "zh"
    cells = [(getattr(r, name), r.document, r.at_this_size, r.played) for r in rows]
    return f"{TITLE[name]}\n\n{draw_table(COLUMNS[name], cells)}"


def _participation(figures: Figures, size: int) -> list[Row]:
    opened = figures["groups_opened"]
    return [
        Row("开团数", "groups opened", "5,000", _count(size), _count(opened)),
        Row(
            "付款人数",
            "people who paid",
            "15,000",
            _scaled(15_000, size),
            _count(figures["people_paid"]),
        ),
        Row("拼中率", "success rate", "60 %", "60 %", _percent(figures["success_rate_bps"])),
        Row(
            "仅一人付款的失败团占比",
            "failed groups with one paid seat",
            DASH,
            DASH,
            _percent(figures["solo_failure_share_bps"]),
        ),
    ]


def _growth(figures: Figures, size: int) -> list[Row]:
    opened = figures["groups_opened"]
    return [
        Row(
            "每团邀请好友（打开链接的人，输入）",
            "friends invited per group (who opened a link; input)",
            "2–3",
            "2–3",
            _ratio(figures["invitations"], opened),
        ),
        Row(
            "分享注册新用户",
            "new shoppers registered by shares",
            "8,000",
            _scaled(8_000, size),
            _count(figures["new_shoppers_registered"]),
        ),
        Row(
            "　每团",
            "  per group",
            "1.60",
            "1.60",
            _milli(figures["viral_registered_milli"]),
        ),
        Row(
            "其中已付款",
            "of these, paid",
            DASH,
            DASH,
            _count(figures["new_shoppers_paid"]),
        ),
        Row("　每团", "  per group", DASH, DASH, _milli(figures["viral_paid_milli"])),
        Row("K 值", "K-factor", DASH, DASH, _milli(figures["k_factor_milli"])),
    ]


def _subsidies(figures: Figures, size: int) -> list[Row]:
    issued_fen = figures["subsidies_issued_fen"]
    return [
        Row(
            "补贴支出（元）",
            "subsidies paid, yuan",
            "20,000",
            _scaled(20_000, size),
            _yuan(issued_fen),
        ),
        Row(
            "每个失败团获补贴人数",
            "people subsidised per failed group",
            "1",
            "1",
            _ratio(figures["subsidies_issued"], figures["groups_failed"]),
        ),
        Row(
            "补贴占成团付款额",
            "subsidies of formed groups' value",
            "11.2 %",
            "11.2 %",
            _percent(figures["subsidy_share_of_formed_bps"]),
        ),
        Row(
            "每个新付款用户成本（元）",
            "cost per new paying shopper, yuan",
            DASH,
            DASH,
            _yuan(figures["cost_per_new_shopper_fen"]),
        ),
        Row(
            "补贴相对直接打折的成本",
            "subsidies against a plain discount",
            "1/3",
            "1/3",
            _percent_of(issued_fen, figures["discount_fen"]),
        ),
        Row(
            "补贴加让利相对直接打折",
            "subsidies and discount against it",
            DASH,
            DASH,
            _percent_of(figures["total_incentive_fen"], figures["discount_fen"]),
        ),
    ]


def _afterwards(played: Played) -> list[Row]:
    winners = [s for s in played.statements if s.has_product]
    again = sum(winner.has_bought_again for winner in winners)
    everything = played.everything
    return [
        Row(
            "使用补贴的用户占比（输入）",
            "subsidised people who use it (input)",
            "70 %",
            "70 %",
            _percent(everything["subsidy_use_rate_bps"]),
        ),
        Row(
            "拼中用户复购率（输入）",
            "winners who buy again (input)",
            "90 %",
            "90 %",
            _percent_of(again, len(winners)),
        ),
        Row(
            "全部参与者复购率",
            "everybody who buys again",
            DASH,
            DASH,
            _percent(everything["repurchase_rate_bps"]),
        ),
        Row("成为关注用户", "become followers", "30 %", "30 %", DASH),
        Row("GMV 提升", "growth of sales", "+200 %", "+200 %", DASH),
    ]


def _clocks(figures: Figures) -> list[Row]:
    seconds = [figures[f"credit_seconds_{name}"] for name in ("p50", "p99", "max")]
    played = " / ".join(DASH if value is None else _count(value) for value in seconds)
    return [
        Row(
            "截止到入账秒数 p50/p99/最长",
            "seconds from deadline to credit, p50/p99/max",
            "≤ 600",
            "≤ 600",
            played,
        )
    ]


def _count(value: int) -> str:
    return f"{value:,}"


def _scaled(value: int, size: int) -> str:
    return _count(round(value * size / DOCUMENT_GROUPS))


def _percent(bps: int | None) -> str:
    return DASH if bps is None else f"{bps / 100:.1f} %"


def _percent_of(part: int, whole: int) -> str:
    return f"{100 * part / whole:.1f} %" if whole else DASH


def _milli(value: int | None) -> str:
    return DASH if value is None else f"{value / 1000:.2f}"


def _ratio(part: int, whole: int) -> str:
    return f"{part / whole:.2f}" if whole else DASH


def _yuan(fen: int | None) -> str:
    return DASH if fen is None else f"{fen / 100:,.2f}"
