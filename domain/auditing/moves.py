"""Invariant 9: state machines move only along their edges, and every move is recorded."""

from domain.auditing.checks import Check, Probe, probe, rows_of
from domain.states import RECORDED

LEGAL = Check("moves.legal-edges", 9, "Every recorded move is an edge of its state machine.")
CHAINED = Check(
    "moves.chain",
    9,
    "A row's recorded moves lead from its initial state to its present one without a gap; a row"
    " that never moved is in its initial state.",
)

_EDGES = rows_of((m.name, old, new) for m in RECORDED for old, new in m.pairs())
_PRESENT = " UNION ALL ".join(
    f"""
            SELECT '{m.name}', merchant_id, id, {m.column},
                (hashtext('{m.initial[0]}') >> 2) - (hashtext({m.column}) >> 2)
            FROM {m.table} WHERE {m.column} IS NOT NULL"""  # noqa: S608 - constants only
    for m in RECORDED
)

PROBES: tuple[Probe, ...] = (
    probe(
        LEGAL,
        f"""
        SELECT format('%s %s/%s: %s to %s', machine, merchant_id, subject_id, from_state, to_state)
            AS key
        FROM state_moves m
        WHERE NOT EXISTS (
            SELECT 1 FROM (VALUES {_EDGES}) AS edge (machine, old, new)
            WHERE edge.machine = m.machine AND edge.old = m.from_state AND edge.new = m.to_state)
        """,  # noqa: S608 - constants only
    ),
    # Each move adds hash(to) - hash(from), the row adds hash(initial) - hash(present): along a
    # chain without a gap everything cancels. That needs no sorting of millions of moves.
    probe(
        CHAINED,
        f"""
        SELECT format('%s %s/%s is %s', machine, merchant_id, id, max(present)) AS key
        FROM (
            SELECT machine, merchant_id, subject_id, NULL,
                (hashtext(to_state) >> 2) - (hashtext(from_state) >> 2)
            FROM state_moves
            UNION ALL {_PRESENT}
        ) AS steps (machine, merchant_id, id, present, step)
        GROUP BY machine, merchant_id, id HAVING sum(step) <> 0 OR max(present) IS NULL
        """,  # noqa: S608 - constants only
    ),
)
