"""`python -m bench [FIGURE ...] [--quick]`: measures, and prints one JSON line per figure.

The figures stand on servers of their own, started here; progress is told on stderr.
"""

import argparse
import resource
import signal
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import fields, replace

from bench.figures import callbacks, herd, hot, join_pay, memory, refunds, settle, subsidies
from bench.figures.preload import Scene, Sizes
from bench.figures.results import Figure
from bench.stage.ground import ground, say

ON_SCENE: Mapping[str, Callable[[Scene], list[Figure]]] = {
    "join_pay_ratio": join_pay.measure,
    "hot_group_1000": hot.measure_group,
    "hot_campaign_1000": hot.measure_campaign,
    "callback_p99_ms": callbacks.measure,
    "grants_per_s": subsidies.measure_grants,
    "hot_budget_overspend_fen": subsidies.measure_budget,
    "settle": settle.measure,
    "refund_quota_used": refunds.measure,
    "herd": herd.measure,
}
"""What each name measures; `settle` and `herd` give several figures."""
ALONE: Mapping[str, Callable[[], list[Figure]]] = {"idle_memory_mb": memory.measure}
"""What each name measures on a stack of its own, when nothing of the scene runs."""
NAMES = {name: name for name in (*ON_SCENE, *ALONE)}
NAMES |= {"settle_groups_per_s": "settle", "settle_growth": "settle"}
NAMES |= {f"herd_{name}": "herd" for name in ("100k_credit_seconds", "growth", "join_p99_ratio")}


def main() -> int:
    """Measure what the command line names, or everything."""
    options = _options()
    signal.signal(signal.SIGTERM, _interrupt)
    _raise_file_limit()
    sizes = Sizes.quick() if options.quick else Sizes.full()
    given = {field.name: getattr(options, field.name) for field in fields(Sizes)}
    sizes = replace(sizes, **{name: value for name, value in given.items() if value is not None})
    wanted = {NAMES[name] for name in options.figures or NAMES}
    if on_scene := [name for name in ON_SCENE if name in wanted]:
        with ground() as stands:
            scene = Scene(stands, sizes)
            for name in on_scene:
                say(f"measuring {name}")
                with stands.passing():
                    _tell(ON_SCENE[name](scene))
    for name in ALONE:
        if name in wanted:
            say(f"measuring {name}")
            _tell(ALONE[name]())
    return 0


def _tell(figures: Iterable[Figure]) -> None:
    for figure in figures:
        print(figure.to_json(), flush=True)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("figures", nargs="*", metavar="FIGURE", choices=[[], *NAMES])
    parser.add_argument("--quick", action="store_true", help="small sizes: does it all work?")
    for field in fields(Sizes):
        parser.add_argument(f"--{field.name.replace('_', '-')}", type=int, metavar="N")
    return parser.parse_args()


def _raise_file_limit() -> None:
    """Allow a thousand connections here and in what is started."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 8192 if hard == resource.RLIM_INFINITY else min(8192, hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def _interrupt(_number: int, _frame: object) -> None:
    """Take SIGTERM for Ctrl-C, so that everything is stopped and removed."""
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
