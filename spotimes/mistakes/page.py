"""Writes the page: one HTML file that loads nothing."""

import base64
import html
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from spotimes.evaluation.accuracy import Predictions
from spotimes.mistakes.measures import Group, Pair, Tables
from spotimes.mistakes.pictures import BLOCK, COLUMNS, Shown
from spotimes.reporting.report import STYLE

FOLDER = Path(__file__).parent


def render(dataset: str, predictions: Predictions, tables: Tables, shown: Shown) -> str:
    """Writes the page.

    Args:
        dataset: its name.
        predictions: of all test images.
        tables: what is told beside the pictures.
        shown: the pictures.
    """
    labels, answers = predictions.test.labels, predictions.int8.argmax(axis=1)
    wrong, total = int((answers != labels).sum()), len(labels)
    on_page = int((answers != labels)[shown.indices].sum())
    correct_here = len(shown.indices) - on_page
    data = json.dumps(_data(predictions, shown), separators=(",", ":"))
    parts = {
        "STYLE": STYLE.strip(),
        "ABOUT": html.escape(
            f"{dataset}: of {total:,} test images the INT8 model classifies {wrong:,} wrongly, "
            f"{wrong / total:.2%}."
        ),
        "PAIRS": _pairs(tables.pairs, predictions.class_names),
        "GROUPS": "\n".join(_groups(*each) for each in tables.groups.items()),
        "SHOWN": (
            f"Here are {'all' if on_page == wrong else 'the most confident'} {on_page:,} of the "
            f"{wrong:,} that are wrong, the most confident first, and {correct_here:,} of "
            f"the {total - wrong:,} that are correct, drawn at random."
        ),
        "DATA": data.replace("<", "\\u003c"),  # what ends a script is no text of one
        "SCRIPT": (FOLDER / "page.js").read_text(encoding="utf-8").strip(),
    }
    page = (FOLDER / "page.html").read_text(encoding="utf-8")
    before, *rest = page.split("@@")
    # Every second part is a name; names in what is put in are left alone.
    filled = [parts[each] if number % 2 == 0 else each for number, each in enumerate(rest)]
    return "".join([before, *filled])


def _data(predictions: Predictions, shown: Shown) -> dict[str, Any]:
    answers, fp32 = (each.argmax(axis=1) for each in (predictions.int8, predictions.fp32))
    width, height = shown.side
    _, rows, columns = shown.maps.shape
    names = shown.names or [f"test image {index}" for index in shown.indices]
    return {
        "classes": predictions.class_names,
        "tiles": {
            "content": f"data:image/jpeg;base64,{base64.b64encode(shown.tiles).decode()}",
            "width": width,
            "height": height,
            "stepX": -(-width // BLOCK) * BLOCK,
            "stepY": -(-height // BLOCK) * BLOCK,
            "columns": COLUMNS,
        },
        "maps": {
            "content": base64.b64encode(shown.maps.tobytes()).decode(),
            "rows": rows,
            "columns": columns,
        },
        "pictures": [
            {
                "tile": tile,
                "name": name,
                "actual": int(predictions.test.labels[index]),
                "answer": int(answers[index]),
                "probability": round(float(predictions.int8[index].max()), 4),
                "fp32": int(fp32[index]),
            }
            for tile, (index, name) in enumerate(zip(shown.indices, names, strict=True))
        ],
    }


def _pairs(pairs: Sequence[Pair], class_names: Sequence[str]) -> str:
    if not pairs:
        return "<p>None: every answer is correct.</p>"
    rows = [
        f"<tr><td>{html.escape(class_names[pair.actual])}</td>"
        f"<td>{html.escape(class_names[pair.predicted])}</td>"
        f'<td><button type="button" data-actual="{pair.actual}" data-answer="{pair.predicted}">'
        f"{pair.images:,}</button></td><td>{pair.share:.1%}</td></tr>"
        for pair in pairs
    ]
    head = "<th>a picture of</th><th>is taken for</th><th>images</th><th>of the class</th>"
    return f"<table><thead><tr>{head}</tr></thead><tbody>{''.join(rows)}</tbody></table>"


def _groups(name: str, groups: Sequence[Group]) -> str:
    rows = [
        f"<tr><td>{group.low:,.0f} to {group.high:,.0f}</td><td>{group.images:,}</td>"
        f"<td>{group.top1.value:.1%} ({group.top1.low:.1%} to {group.top1.high:.1%})</td>"
        f'<td><span class="bar"><i style="width:{group.top1.value:.1%}"></i></span></td></tr>'
        for group in groups
    ]
    head = f"<th>{html.escape(name)}</th><th>images</th><th>top-1</th><th></th>"
    return f"<table><thead><tr>{head}</tr></thead><tbody>{''.join(rows)}</tbody></table>"
