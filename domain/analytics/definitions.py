"""The definitions of all figures: key, name, sentence, formula. The one place that says what a
number means; REST hands the names and sentences to the console, which repeats none of them.

A figure is a whole number: a count, fen, basis points (`_bps`), thousandths (`_milli`) or seconds.
A ratio is rounded half up, and None where there is nothing to divide by.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from domain.analytics.counting import Counts
from domain.texts import Language

Formula = Callable[[Counts], int | None]


@dataclass(frozen=True, slots=True)
class Words:
    """A text in both languages."""

    zh: str
    en: str

    def in_language(self, language: Language) -> str:
        """Return the text in a language."""
        return self.zh if language == "zh" else self.en


@dataclass(frozen=True, slots=True)
class Definition:
    """What one figure is called, what it means, and how it comes from the counts."""

    key: str
    name: Words
    sentence: Words
    formula: Formula


def ratio(part: int, whole: int, scale: int = 1) -> int | None:
    """Return part × scale ÷ whole, rounded half up; None where the whole is zero."""
    return None if whole == 0 else (2 * part * scale + whole) // (2 * whole)


def _bps(part: int, whole: int) -> int | None:
    return ratio(part, whole, 10_000)


def _milli(part: int, whole: int) -> int | None:
    return ratio(part, whole, 1000)


def _k_factor(c: Counts) -> int | None:
    """Multiply invitations per shopper by conversion: the invitations cancel out, but must exist.

    i = invitations ÷ people who paid, c = new shoppers who paid ÷ invitations.
    """
    return _milli(c.new_shoppers_paid, c.people_paid) if c.invitations else None


DEFINITIONS: Final[tuple[Definition, ...]] = (
    Definition(
        "groups_opened",
        Words("开团数", "Groups opened"),
        Words(
            "团长已付款的团，按付款日归属。",
            "Groups whose leader paid, by the day of that payment.",
        ),
        lambda c: c.groups_opened,
    ),
    Definition(
        "groups_formed",
        Words("成团数", "Groups formed"),
        Words(
            "满员成团的团，按成团日归属；少人成团不计。",
            "Groups whose last seat was paid, by the day they formed; formed-short ones do not"
            " count.",
        ),
        lambda c: c.groups_formed,
    ),
    Definition(
        "groups_failed",
        Words("未成团数", "Groups failed"),
        Words(
            "到截止时间（或被提前判定失败时）未满员的团，按截止日归属，24:00 算当天；"
            "取消和关闭的团不计。",
            "Groups that were not full at their deadline (or when failed early), by the day of"
            " that instant, 24:00 belonging to the day that ends; cancelled and closed groups do"
            " not count.",
        ),
        lambda c: c.groups_failed,
    ),
    Definition(
        "success_rate_bps",
        Words("拼团成功率", "Success rate"),
        Words(
            "成团数 ÷（成团数 + 未成团数），按成团日或截止日归属；"
            "进行中、少人成团、取消和关闭的团不计。",
            "Groups formed ÷ (formed + failed), by the day of forming or of the deadline; open,"
            " formed-short, cancelled and closed groups do not count.",
        ),
        lambda c: _bps(c.groups_formed, c.groups_formed + c.groups_failed),
    ),
    Definition(
        "people_paid",
        Words("付款人数", "People who paid"),
        Words(
            "付过款的用户，每人计一次，含单独购买；按付款日归属。",
            "Shoppers who paid for an order, in a group or alone, each counted once; by the day of"
            " payment.",
        ),
        lambda c: c.people_paid,
    ),
    Definition(
        "seats_formed",
        Words("成团件数", "Seats in formed groups"),
        Words(
            "成团时团内的订单数，按成团日归属；之后的售后退款不影响。",
            "Orders that were in a group when it formed, by that day; refunds after it change"
            " nothing.",
        ),
        lambda c: c.seats_formed,
    ),
    Definition(
        "paid_formed_fen",
        Words("成团实付金额", "Paid value of formed groups"),
        Words(
            "成团时团内订单的实付金额（含余额支付），按成团日归属；之后的售后退款不扣除。",
            "What the orders in formed groups paid, by any means, by the day of forming; refunds"
            " after it are not taken off.",
        ),
        lambda c: c.paid_formed_fen,
    ),
    Definition(
        "paid_all_fen",
        Words("全部实付金额", "All paid value"),
        Words(
            "所有已付款订单的金额（含余额支付、单独购买，以及之后退款的订单），按付款日归属。",
            "The price of every order paid, in a group or alone, by any means, whatever became of"
            " it; by the day of payment.",
        ),
        lambda c: c.paid_all_fen,
    ),
    Definition(
        "subsidies_issued",
        Words("补贴笔数", "Subsidies issued"),
        Words(
            "已入账的补贴笔数，按所属团的截止日归属，24:00 算当天，与未成团数同日。",
            "Subsidies credited, by the day of their group's deadline, 24:00 belonging to the day"
            " that ends: the day on which the failure counts.",
        ),
        lambda c: c.subsidies_issued,
    ),
    Definition(
        "subsidies_issued_fen",
        Words("已发补贴", "Value of subsidies issued"),
        Words(
            "已入账的补贴总额，按所属团的截止日归属，24:00 算当天；待审核的补贴在放行后才计。",
            "Value of the subsidies credited, by the day of their group's deadline, 24:00 belonging"
            " to the day that ends; a held one counts once it is released.",
        ),
        lambda c: c.subsidies_issued_fen,
    ),
    Definition(
        "subsidies_credited",
        Words("补贴笔数（按入账日）", "Subsidies by day of credit"),
        Words(
            "已入账的补贴笔数，按入账日归属（收付实现制）。",
            "Subsidies credited, by the day they were credited: on a cash basis.",
        ),
        lambda c: c.subsidies_credited,
    ),
    Definition(
        "subsidies_credited_fen",
        Words("补贴支出（按入账日）", "Subsidies paid out, by day of credit"),
        Words(
            "已入账的补贴总额，按入账日归属（收付实现制）；"
            "24:00 截止的团，补贴在次日入账，因此与已发补贴相差一天。",
            "Value of the subsidies credited, by the day they were credited: on a cash basis. Those"
            " of groups that end at 24:00 are credited on the day after.",
        ),
        lambda c: c.subsidies_credited_fen,
    ),
    Definition(
        "subsidy_share_of_formed_bps",
        Words("补贴成本占比", "Subsidy cost share"),
        Words(
            "已发补贴（按团的截止日）÷ 成团实付金额。",
            "Subsidies issued, by the day of the deadline, ÷ paid value of formed groups.",
        ),
        lambda c: _bps(c.subsidies_issued_fen, c.paid_formed_fen),
    ),
    Definition(
        "credited_share_of_formed_bps",
        Words("补贴成本占比（按入账日）", "Subsidy cost share, by day of credit"),
        Words(
            "补贴支出（按入账日）÷ 成团实付金额。",
            "Subsidies paid out, by the day of credit, ÷ paid value of formed groups.",
        ),
        lambda c: _bps(c.subsidies_credited_fen, c.paid_formed_fen),
    ),
    Definition(
        "subsidy_share_of_paid_bps",
        Words("补贴占全部实付", "Subsidy share of all paid value"),
        Words("已发补贴 ÷ 全部实付金额。", "Subsidies issued ÷ all paid value."),
        lambda c: _bps(c.subsidies_issued_fen, c.paid_all_fen),
    ),
    Definition(
        "discount_fen",
        Words("拼团优惠", "Discount"),
        Words(
            "成团件数的（原价 − 拼团价）之和，原价以下单时为准。",
            "List price less group price, over the seats in formed groups; prices as they were"
            " when the order was placed.",
        ),
        lambda c: c.discount_fen,
    ),
    Definition(
        "total_incentive_fen",
        Words("总激励", "Total incentive"),
        Words("已发补贴 + 拼团优惠。", "Subsidies issued + discount."),
        lambda c: c.subsidies_issued_fen + c.discount_fen,
    ),
    Definition(
        "shoppers_registered",
        Words("新注册用户", "Shoppers who registered"),
        Words(
            "首次注册的所有用户，不论怎么来的，按注册日归属；"
            "选定活动时，只计首次付款在该活动的，会随付款继续增长。",
            "All shoppers who registered, however they came, by that day; of one campaign, those"
            " whose first payment was in it, which grows as they pay.",
        ),
        lambda c: c.shoppers_registered,
    ),
    Definition(
        "new_shoppers_registered",
        Words("裂变新用户（注册）", "New shoppers through shares, registered"),
        Words(
            "通过团分享首次注册的用户，按注册日归属；选定活动时，以分享的团所属活动为准。",
            "Shoppers who registered through a share of a group, by that day; of one campaign,"
            " where the shared group was.",
        ),
        lambda c: c.new_shoppers_registered,
    ),
    Definition(
        "new_shoppers_paid",
        Words("裂变新用户（付款）", "New shoppers through shares, paid"),
        Words(
            "通过团分享注册的用户中，首次付款的人数，按首次付款日归属。",
            "Shoppers who had registered through a share of a group and paid their first order, by"
            " the day of that payment.",
        ),
        lambda c: c.new_shoppers_paid,
    ),
    Definition(
        "viral_registered_milli",
        Words("裂变系数（注册）", "Viral coefficient, registered"),
        Words(
            "裂变新用户（注册）÷ 开团数：平均每个团带来的新用户。",
            "New shoppers who registered through a share of a group ÷ groups opened.",
        ),
        lambda c: _milli(c.new_shoppers_registered, c.groups_opened),
    ),
    Definition(
        "viral_paid_milli",
        Words("裂变系数（付款）", "Viral coefficient, paid"),
        Words(
            "裂变新用户（付款）÷ 开团数。",
            "New shoppers through shares who paid their first order ÷ groups opened.",
        ),
        lambda c: _milli(c.new_shoppers_paid, c.groups_opened),
    ),
    Definition(
        "share_visits",
        Words("分享访问次数", "Share visits"),
        Words(
            "分享链接被打开的次数；分享者自己打开不计。",
            "Times a share was opened by somebody other than who shared it.",
        ),
        lambda c: c.share_visits,
    ),
    Definition(
        "invitations",
        Words("邀请数", "Invitations"),
        Words(
            "打开分享的人次：同一分享被同一访客打开多次只计一次；"
            "访客按设备识别，没有设备号时按用户，再按网络地址。",
            "Pairs of a share and a visitor who opened it in the period, however often. A visitor"
            " is told by the device, without one by the shopper, else by the network address.",
        ),
        lambda c: c.invitations,
    ),
    Definition(
        "k_factor_milli",
        Words("K 因子", "K-factor"),
        Words(
            "人均邀请数（邀请数 ÷ 付款人数）× 邀请转化率（裂变新用户（付款）÷ 邀请数）。",
            "Invitations per shopper (invitations ÷ people who paid) × conversion of an invitation"
            " (new shoppers through shares who paid ÷ invitations).",
        ),
        _k_factor,
    ),
    Definition(
        "solo_failures",
        Words("单人失败数", "Solo failures"),
        Words(
            "总共只有一个已付款名额的未成团；截止前付款、之后才得知的名额也算。",
            "Failed groups with one paid seat in all; a seat that was paid in time and learned of"
            " later counts.",
        ),
        lambda c: c.solo_failures,
    ),
    Definition(
        "solo_failure_share_bps",
        Words("单人失败率", "Solo-failure share"),
        Words(
            "单人失败数 ÷ 未成团数；偏高说明有人开团后不分享。",
            "Solo failures ÷ groups failed: the fingerprint of openers who never share.",
        ),
        lambda c: _bps(c.solo_failures, c.groups_failed),
    ),
    Definition(
        "cost_per_new_shopper_fen",
        Words("单个新客成本", "Cost per new shopper"),
        Words(
            "已发补贴 ÷ 裂变新用户（付款）；不含拼团优惠。",
            "Subsidies issued ÷ new shoppers through shares who paid; the discount is not in it.",
        ),
        lambda c: ratio(c.subsidies_issued_fen, c.new_shoppers_paid),
    ),
    Definition(
        "repurchase_shoppers",
        Words("复购人数", "Shoppers who bought again"),
        Words(
            "首次结果（拼中商品，或拼不中有补贴决定）在本期、并在此后又付款的用户；"
            "统计到当前为止，会继续增长。",
            "Shoppers whose first outcome (a product, or a decided subsidy) lies in the period and"
            " who have paid for an order after it, up to now.",
        ),
        lambda c: c.repurchase_shoppers,
    ),
    Definition(
        "repurchase_rate_bps",
        Words("复购率", "Repurchase rate"),
        Words(
            "复购人数 ÷ 首次结果在本期的用户数。",
            "Shoppers who bought again ÷ shoppers whose first outcome lies in the period.",
        ),
        lambda c: _bps(c.repurchase_shoppers, c.first_outcomes),
    ),
    Definition(
        "subsidy_spenders",
        Words("补贴使用人数", "Shoppers who spent a subsidy"),
        Words(
            "本期有补贴入账、此后又用余额付款的用户；统计到当前为止，会继续增长。",
            "Shoppers credited with a subsidy in the period who have paid with wallet money after"
            " it, up to now.",
        ),
        lambda c: c.subsidy_spenders,
    ),
    Definition(
        "subsidy_use_rate_bps",
        Words("补贴使用率", "Subsidy use rate"),
        Words(
            "补贴使用人数 ÷ 本期有补贴入账的用户数。",
            "Shoppers who spent a subsidy ÷ shoppers credited with one in the period.",
        ),
        lambda c: _bps(c.subsidy_spenders, c.subsidised_shoppers),
    ),
    Definition(
        "credit_seconds_p50",
        Words("到账用时（中位）", "Deadline to credit, median"),
        Words(
            "从团的截止时间到补贴入账的秒数的中位数，按入账日归属；经人工放行的补贴不计。",
            "Median seconds from a group's deadline to the credit of a subsidy, by the day of the"
            " credit; subsidies that were held and released by a person are left out.",
        ),
        lambda c: c.credit_seconds_p50,
    ),
    Definition(
        "credit_seconds_p99",
        Words("到账用时（99%）", "Deadline to credit, 99th percentile"),
        Words(
            "99% 的补贴在这个秒数以内入账；承诺 10 分钟内。",
            "99 of 100 subsidies were credited within so many seconds; the promise is 10 minutes.",
        ),
        lambda c: c.credit_seconds_p99,
    ),
    Definition(
        "credit_seconds_max",
        Words("到账用时（最长）", "Deadline to credit, longest"),
        Words(
            "最慢一笔补贴从截止到入账的秒数。",
            "Seconds from the deadline to the credit of the slowest subsidy.",
        ),
        lambda c: c.credit_seconds_max,
    ),
)


@dataclass(frozen=True, slots=True)
class ClockDefinition:
    """What one step after a deadline is called, and what its seconds are."""

    key: str
    name: Words
    sentence: Words


CLOCKS: Final[tuple[ClockDefinition, ...]] = (
    ClockDefinition(
        "decided",
        Words("判定", "Decided"),
        Words(
            "从截止时间（付款更晚获知的，从获知时起，下同）到判定退款与补贴的秒数；"
            "已过截止时间、尚未判定的付款成员计为等待。",
            "Seconds from the deadline (from our learning of the payment where that is later, as"
            " below) to the decision on refund and subsidy; paid members past the deadline who"
            " are not decided yet wait.",
        ),
    ),
    ClockDefinition(
        "credited",
        Words("补贴入账", "Credited"),
        Words(
            "到补贴入账的秒数；规则约定延后发放的，从约定时间起算；经人工放行的不计。"
            "承诺 10 分钟内。",
            "Seconds to the credit of the subsidy; from its date where the rule delays it; those"
            " that were held for a person are left out. The promise is 10 minutes.",
        ),
    ),
    ClockDefinition(
        "refund_requested",
        Words("退款发起", "Refund requested"),
        Words(
            "到我方发起退款的秒数；承诺 10 分钟内。",
            "Seconds until we requested the refund; the promise is 10 minutes.",
        ),
    ),
    ClockDefinition(
        "refund_accepted",
        Words("退款受理", "Refund accepted"),
        Words(
            "到支付渠道受理退款的秒数，受渠道限额影响。",
            "Seconds until the gateway accepted the refund: as fast as the account's quota allows.",
        ),
    ),
    ClockDefinition(
        "refund_arrived",
        Words("退款到账", "Refund arrived"),
        Words(
            "到退款到达付款人的秒数，取决于银行。",
            "Seconds until the refund arrived with its payer: the bank's own time.",
        ),
    ),
    ClockDefinition(
        "told",
        Words("站内通知", "Told"),
        Words("到站内通知写好的秒数。", "Seconds until the notice stood in the shopper's inbox."),
    ),
    ClockDefinition(
        "message_sent",
        Words("订阅消息", "Message sent"),
        Words(
            "到订阅消息送出的秒数；待发送的计为等待，用户没有订阅或未能送出的不计。",
            "Seconds until the subscribe message was sent; those still to be sent wait, shoppers"
            " who do not subscribe and messages given up are left out.",
        ),
    ),
)


def figures_of(counts: Counts) -> dict[str, int | None]:
    """Compute all figures of one day or span."""
    return {definition.key: definition.formula(counts) for definition in DEFINITIONS}
