"""Joins and callbacks over HTTP, against the same writes as one prepared statement per path."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import bench.stage
from bench.figures.preload import Scene
from bench.figures.results import Figure, median, spread
from bench.stage import mall, serving
from bench.stage.ground import free_port, plain, say
from bench.stage.load import Answers, drive, post
from bench.stage.pgbench import CLIENTS
from bench.stage.processes import processor_seconds

SIZE = 3
JOINS_PER_GROUP = SIZE - 1
REFERENCE_TIMES = 3
PLAIN_SECONDS = 5
SOUGHT = 0.15
BODY = {
    "use_wallet": False,
    "address": {
        "recipient": "王小明",
        "phone": "13800000000",
        "region": "上海市徐汇区",
        "detail": "漕溪北路 398 号",
    },
}
_JOIN = """
\\set i :client_id * :each + :n
\\set n :n + 1
\\set g :first_group + :i % :groups
\\set s :first_shopper + :i
SELECT bench.join_group(:merchant, :g, :s, :campaign, :variant, :price, :list_price, :quote);
"""
_PAY = """
\\set p :first_payment + :client_id * :each + :n
\\set n :n + 1
SELECT bench.pay_order(:merchant, :p, :account);
"""
_PREPARE = """
    WITH wanted AS (
        SELECT o.merchant_id, o.id, o.payable_fen, o.hold_expires_at, o.placed_at, o.shopper_id,
            row_number() OVER (PARTITION BY o.group_id ORDER BY o.id) AS turn, o.group_id
        FROM orders o
        WHERE o.merchant_id = %(m)s AND o.group_id BETWEEN %(first)s AND %(last)s
            AND o.state = 'placed'
    )
    INSERT INTO payments (merchant_id, public_id, order_id, gateway_account_id, state, amount_fen,
        description, expires_at, created_at, moved_at, moved_by)
    SELECT merchant_id, substr(md5(random()::text || id), 1, 20), id, %(account)s, 'created',
        payable_fen, %(title)s, hold_expires_at, placed_at, placed_at, 'shopper:' || shopper_id
    FROM wanted ORDER BY turn, group_id
    RETURNING id
"""
_PREPARED = """
    UPDATE payments
    SET state = 'pending', prepay_id = 'wx' || public_id, moved_by = 'gateway:prepay'
    WHERE merchant_id = %(m)s AND id = ANY(%(ids)s)
"""
_REMEMBER = """
    INSERT INTO idempotency_keys (merchant_id, caller, key, request_hash, status, body, created_at)
    SELECT merchant_id, moved_by, 'pay-' || id, sha256(public_id::bytea), 201,
        jsonb_build_object('payment_id', public_id), created_at
    FROM payments WHERE merchant_id = %(m)s AND id = ANY(%(ids)s)
"""
_DRIVE = """
    INSERT INTO work_rows (merchant_id, kind, subject_id, due_at)
    SELECT merchant_id, 'drive_payment', id, created_at + interval '30 seconds'
    FROM payments WHERE merchant_id = %(m)s AND id = ANY(%(ids)s)
"""
_TOLD = """
    SELECT p.public_id, p.amount_fen, s.openid
    FROM payments p
    JOIN orders o ON o.merchant_id = p.merchant_id AND o.id = p.order_id
    JOIN shoppers s ON s.merchant_id = o.merchant_id AND s.id = o.shopper_id
    WHERE p.merchant_id = %(m)s AND p.id = ANY(%(ids)s) ORDER BY p.id
"""
_FORMED = (
    "SELECT count(*) FROM groups"
    " WHERE merchant_id = %s AND id BETWEEN %s AND %s AND state = 'formed' AND taken = size"
)


@dataclass(frozen=True)
class Rates:
    """Joins and callbacks per second of one side, and microseconds of processor time for each."""

    joins: float
    callbacks: float
    join_cpu: dict[str, float]
    callback_cpu: dict[str, float]

    @property
    def both(self) -> float:
        """Return requests per second of as many joins as callbacks, one kind after the other."""
        return 2 / (1 / self.joins + 1 / self.callbacks)


def measure(scene: Scene) -> list[Figure]:
    """Measure the ratio; both sides alternate, each pair beside a plain pgbench."""
    prepare_reference(scene)
    port = free_port()
    api = scene.ground.start(
        serving.served("join_api", serving.API, port, scene.database.environment)
    )
    groups = scene.sizes.join_groups
    sides: list[Callable[[int], Rates]] = [
        lambda count: run_ours(scene, port, api, count),
        lambda count: run_reference(scene, count * REFERENCE_TIMES),
    ]
    for side in sides:
        side(CLIENTS * 5)
    ours: list[Rates] = []
    reference: list[Rates] = []
    bare: list[float] = []
    for number in range(scene.sizes.pairs):
        bare.append(scene.pgbench.plain_rate(PLAIN_SECONDS))
        for kept, side in _alternating(number, (ours, reference), sides):
            kept.append(side(groups))
        say(
            f"join_pay {number + 1}: ours {ours[-1].both:.0f}/s, reference"
            f" {reference[-1].both:.0f}/s, plain {bare[-1]:.0f}/s"
        )
    return [_figure(scene, ours, reference, bare)]


def _alternating(
    number: int, kept: Sequence[list[Rates]], sides: Sequence[Callable[[int], Rates]]
) -> list[tuple[list[Rates], Callable[[int], Rates]]]:
    pairs = list(zip(kept, sides, strict=True))
    return pairs if number % 2 == 0 else pairs[::-1]


def _figure(
    scene: Scene, ours: Sequence[Rates], reference: Sequence[Rates], bare: Sequence[float]
) -> Figure:
    def ratios(part: Callable[[Rates], float]) -> list[float]:
        return [part(a) / part(b) for a, b in zip(ours, reference, strict=True)]

    both = ratios(lambda r: r.both)
    to_plain = [r.both / p for r, p in zip(reference, bare, strict=True)]
    return Figure(
        "join_pay_ratio",
        median(both),
        "ratio",
        {
            "what": "the same writes as one prepared statement per path, in pgbench; the payments"
            " of both sides are prepared by SQL, untimed",
            "per_second": median([r.both for r in reference], 0),
            "to_plain_pgbench": median(to_plain),
            "plain_pgbench_tps": median(bare, 0),
            "cpu_us": _cpu(reference),
        },
        {
            "target": f">= {SOUGHT}",
            "spread": spread(both),
            "pairs": len(both),
            "orders": scene.sizes.orders,
            "per_second": median([r.both for r in ours], 0),
            "cpu_us": _cpu(ours),
            "joins": {
                "ratio": median(ratios(lambda r: r.joins)),
                "per_second": median([r.joins for r in ours], 0),
            },
            "callbacks": {
                "ratio": median(ratios(lambda r: r.callbacks)),
                "per_second": median([r.callbacks for r in ours], 0),
            },
        },
    )


def _cpu(rates: Sequence[Rates]) -> dict[str, dict[str, float]]:
    """Return the medians of processor time per request, by path and by process."""
    return {
        path: {name: median([kept[name] for kept in told], 0) for name in told[0]}
        for path, told in (
            ("join", [r.join_cpu for r in rates]),
            ("callback", [r.callback_cpu for r in rates]),
        )
    }


class _Cpu:
    """Processor time of processes, from one moment to another, per request."""

    def __init__(self, roots: Mapping[str, int]) -> None:
        self._roots = roots
        self._before = {name: processor_seconds(pid) for name, pid in roots.items()}

    def per(self, count: int) -> dict[str, float]:
        return {
            name: round((processor_seconds(pid) - self._before[name]) * 1_000_000 / count)
            for name, pid in self._roots.items()
        }


def prepare_reference(scene: Scene) -> None:
    """Create the functions of the reference."""
    script = Path(bench.stage.__file__).with_name("reference.sql").read_text()
    with scene.database.connect("bootstrap") as connection:
        connection.execute(script.encode())


def run_ours(scene: Scene, port: int, api: int, groups: int) -> Rates:
    """Join and pay over HTTP until all groups have formed."""
    roots = {"api": api, "postgres": scene.ground.postgres_pid}
    first, last = scene.open_groups(groups, size=SIZE)
    joins = join_requests(scene, first, last, JOINS_PER_GROUP)
    cpu = _Cpu(roots)
    joined = _all(drive(port, joins, connections=CLIENTS), 201, len(joins))
    join_cpu = cpu.per(len(joins))
    ids = prepare_payments(scene, first, last)
    told = callback_requests(scene, ids)
    cpu = _Cpu(roots)
    heard = _all(drive(port, told, connections=CLIENTS), 204, len(told))
    callback_cpu = cpu.per(len(told))
    _check_formed(scene, first, last)
    return Rates(joined.per_second, heard.per_second, join_cpu, callback_cpu)


def run_reference(scene: Scene, groups: int) -> Rates:
    """Write the same rows by one call each until all groups have formed."""
    first, last = scene.open_groups(groups, size=SIZE)
    offer, count = scene.offer(SIZE), groups * JOINS_PER_GROUP
    each = count // CLIENTS
    url = plain(scene.database.urls.core)
    roots = {"postgres": scene.ground.postgres_pid}
    cpu = _Cpu(roots)
    joins = scene.pgbench.rate_of(
        url,
        _JOIN,
        each=each,
        first_group=first,
        groups=groups,
        first_shopper=scene.members(count),
        merchant=offer.merchant_id,
        campaign=offer.campaign_id,
        variant=offer.variant_id,
        price=mall.PRICE_FEN,
        list_price=mall.LIST_PRICE_FEN,
        quote=mall.SUBSIDY_FEN,
    )
    join_cpu = cpu.per(count)
    ids = prepare_payments(scene, first, last)
    cpu = _Cpu(roots)
    callbacks = scene.pgbench.rate_of(
        url,
        _PAY,
        each=each,
        first_payment=ids[0],
        merchant=offer.merchant_id,
        account=scene.mall.account_id,
    )
    callback_cpu = cpu.per(count)
    _check_formed(scene, first, last)
    return Rates(joins, callbacks, join_cpu, callback_cpu)


def join_requests(scene: Scene, first: int, last: int, each: int) -> list[bytes]:
    """Write the joins of each group: first one of every group, then the next."""
    offer = scene.offer(SIZE)
    body = json.dumps({"variant_id": offer.variant_public_id, **BODY}).encode()
    groups = scene.owner.execute(
        "SELECT public_id FROM groups WHERE merchant_id = %s AND id BETWEEN %s AND %s ORDER BY id",
        [offer.merchant_id, first, last],
    ).fetchall()
    shopper = scene.members(len(groups) * each)
    return [
        join_request(offer.merchant_id, shopper + n, group, body)
        for n, (group,) in enumerate(groups * each)
    ]


def join_request(merchant_id: int, shopper_id: int, group: str, body: bytes) -> bytes:
    """Write one join as the mini-program sends it."""
    return post(
        f"/v1/groups/{group}/orders",
        body,
        {
            "Authorization": f"Bearer {mall.access_token(merchant_id, shopper_id)}",
            "Idempotency-Key": f"join-{shopper_id}-{group}",
            "Accept-Language": "zh-CN,zh;q=0.9",
            "X-Device-Id": "bench",
            "X-Channel": "bench",
        },
    )


def prepare_payments(scene: Scene, first: int, last: int) -> list[int]:
    """Write the rows that preparing the payments of placed orders would have left; returns ids."""
    values = {
        "m": scene.mall.merchant_id,
        "first": first,
        "last": last,
        "account": scene.mall.account_id,
        "title": scene.offer(SIZE).title,
    }
    with scene.owner.transaction(), scene.owner.cursor() as cursor:
        ids = [row[0] for row in cursor.execute(_PREPARE, values)]
        for statement in (_PREPARED, _REMEMBER, _DRIVE):
            cursor.execute(statement, {"m": scene.mall.merchant_id, "ids": ids})
    if ids != list(range(ids[0], ids[0] + len(ids))):
        raise RuntimeError("somebody else prepares payments: their ids have gaps")
    return ids


def callback_requests(scene: Scene, ids: Sequence[int]) -> list[bytes]:
    """Seal and sign the callbacks of payments; they are good for five minutes."""
    rows = scene.owner.execute(_TOLD, {"m": scene.mall.merchant_id, "ids": list(ids)}).fetchall()
    return [
        scene.mall.gateway.callback(scene.mall.callback_path, number, amount, openid)
        for number, amount, openid in rows
    ]


def _all(answers: Answers, status: int, count: int) -> Answers:
    if answers.statuses != {status: count}:
        raise RuntimeError(f"expected {count} times {status}: {answers}")
    return answers


def _check_formed(scene: Scene, first: int, last: int) -> None:
    formed = scene.count(_FORMED, scene.mall.merchant_id, first, last)
    if formed != last - first + 1:
        raise RuntimeError(f"{formed} of {last - first + 1} groups formed")
