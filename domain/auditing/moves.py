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
_WEIGHTS = " ".join(f"WHEN '{m.name}' THEN {weight}" for weight, m in enumerate(RECORDED, start=1))
_STARTS = {
    "refund": "CASE WHEN elsewhere_no IS NULL THEN 'requested' ELSE 'accepted' END",
}
"""Where a machine begins, if it depends on the row."""
_PRESENT = " UNION ALL ".join(
    f"""
            SELECT merchant_id, id, '{m.name}', {weight} * (
                (hashtext({_STARTS.get(m.name, f"'{m.initial[0]}'")}) >> 6)
                - (hashtext({m.column}) >> 6))
            FROM {m.table} WHERE {m.column} IS NOT NULL"""  # noqa: S608 - constants only
    for weight, m in enumerate(RECORDED, start=1)
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
    # Each move adds hash(to) - hash(from), its row adds hash(initial) - hash(present): along a
    # chain without a gap everything cancels, and no million moves need be sorted. All machines'
    # rows of one number are summed first; only where that is not zero, each machine by itself.
    probe(
        CHAINED,
        f"""
        WITH steps (merchant_id, id, machine, step) AS NOT MATERIALIZED (
            SELECT merchant_id, subject_id, machine, CASE machine {_WEIGHTS} ELSE 1 END
                * ((hashtext(to_state) >> 6) - (hashtext(from_state) >> 6))
            FROM state_moves
            UNION ALL {_PRESENT}
        ), wrong AS MATERIALIZED (
            SELECT merchant_id, id FROM steps GROUP BY 1, 2 HAVING sum(step) <> 0
        )
        SELECT format('%s %s/%s', s.machine, s.merchant_id, s.id) AS key
        FROM steps s JOIN wrong w ON w.merchant_id = s.merchant_id AND w.id = s.id
        GROUP BY s.machine, s.merchant_id, s.id HAVING sum(s.step) <> 0
        """,  # noqa: S608 - constants only
    ),
)
