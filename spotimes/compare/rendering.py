"""A comparison as people read it, in Markdown, and as programs do, in JSON."""

from collections.abc import Sequence
from typing import Any

from spotimes.compare.comparison import Comparison
from spotimes.compare.flips import Flip
from spotimes.compare.rows import Row
from spotimes.compare.verdict import Outcome, Verdict
from spotimes.reporting.markdown import escaped

SHOWN_FLIPS = 12


def markdown(compared: Comparison) -> str:
    """The comparison as people read it in a terminal or a pull request."""
    before, after = compared.names
    lines = [
        f"| INT8 model | {escaped(before)} | {escaped(after)} | change | verdict |",
        "| --- | ---: | ---: | ---: | --- |",
        *(_line(row) for row in compared.rows),
    ]
    for name, only in zip(compared.names, compared.unshared_classes, strict=True):
        if only:
            lines += ["", escaped(f"Only {name} knows: {', '.join(only)}.")]
    changed = [each for each in compared.class_flips if each.lost or each.gained]
    if changed:
        lost, gained = (len(compared.flips[side]) for side in ("lost", "gained"))
        lines += [
            "",
            f"{lost:,} images are answered wrongly now that were not before, {gained:,} the other "
            "way round:",
            "",
            "| class | lost | gained | verdict |",
            "| --- | ---: | ---: | --- |",
            *(
                f"| {escaped(each.name)} | {each.lost} | {each.gained} | {_said(each.verdict)} |"
                for each in changed
            ),
            "",
            "Indices in the test split, the first of each: "
            + "; ".join(f"{side} {_indices(each)}" for side, each in compared.flips.items())
            + ".",
        ]
    return "\n".join(lines)


def as_json(compared: Comparison) -> dict[str, Any]:
    """The comparison as a program reads it."""
    return {
        "before": compared.names[0],
        "after": compared.names[1],
        "rows": [
            {
                "key": row.figure.key,
                "title": row.title,
                "before": row.before,
                "after": row.after,
                "change": row.change,
                "verdict": row.verdict.outcome.value,
                "reason": row.verdict.reason,
            }
            for row in compared.rows
        ],
        "latency_ratio": compared.ratio and compared.ratio._asdict(),
        "classes": [
            {
                "class": each.name,
                "lost": each.lost,
                "gained": each.gained,
                "verdict": each.verdict.outcome.value,
            }
            for each in compared.class_flips
        ],
        "unshared_classes": compared.unshared_classes,
        "flips": {
            side: [flip._asdict() for flip in flipped] for side, flipped in compared.flips.items()
        },
    }


def _indices(flipped: Sequence[Flip]) -> str:
    return ", ".join(str(each.test_index) for each in flipped[:SHOWN_FLIPS]) or "none"


def _line(row: Row) -> str:
    cells = [
        escaped(row.title),
        row.figure.text(row.before),
        row.figure.text(row.after),
        row.change,
        _said(row.verdict),
    ]
    return f"| {' | '.join(cells)} |"


def _said(judged: Verdict) -> str:
    outcome = judged.outcome.value
    if judged.outcome in (Outcome.BETTER, Outcome.WORSE):
        outcome = f"**{outcome}**"
    return f"{outcome}: {escaped(judged.reason)}" if judged.reason else outcome
