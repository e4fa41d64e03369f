"""`python -m spotimes.compare REV [REV2]`: two revisions' INT8 models beside each other.

Latency is measured here and now, both models interleaved; accuracy on the same images, those of the
test split of data/prepared; all else is counted. Without REV2 the working tree's model is compared.
Prints a Markdown table, or JSON. Takes 20 to 60 seconds on two cores.
"""

import json
from pathlib import Path

from spotimes import usage
from spotimes.compare import flips, gates
from spotimes.compare.comparison import compare
from spotimes.compare.rendering import as_json, markdown
from spotimes.params.compare import Compare
from spotimes.params.evaluate import Evaluate
from spotimes.params.load import load_group
from spotimes.system import command


def main() -> None:
    """The command."""
    parser = usage.parser(
        "spotimes.compare",
        __doc__,
        "python -m spotimes.compare main",
        "python -m spotimes.compare v1 v2 --flips flips.png",
    )
    parser.add_argument("before", metavar="REV", help="a branch, tag or commit")
    parser.add_argument("after", metavar="REV2", nargs="?", help="another; else the working tree")
    parser.add_argument("--json", action="store_true", help="print JSON, with all flips")
    parser.add_argument(
        "--check",
        action="store_true",
        help="exit 3 if compare.regressions are broken, or one cannot be measured",
    )
    parser.add_argument(
        "--flips", type=Path, metavar="PNG", help="draw the first images lost and gained there"
    )
    arguments = parser.parse_args()
    params = load_group("compare", Compare)
    bins = load_group("evaluate", Evaluate).calibration_bins
    compared = compare(arguments.before, arguments.after, params, bins)
    if arguments.flips:
        flips.draw(compared.images, **compared.flips, path=arguments.flips)
    checked = []
    if arguments.check:
        checked = gates.gates(compared, params.regressions, params.optional)
    if arguments.json:
        print(json.dumps(as_json(compared) | {"gates": [gate._asdict() for gate in checked]}))
    else:
        print(markdown(compared))
        print("".join(f"\n- {gate.sentence}" for gate in checked))
    gates.check(checked)


if __name__ == "__main__":
    command.run("compare", main)
