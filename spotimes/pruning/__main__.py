"""`python -m spotimes.pruning`: makes the backbone as narrow as `evaluate.budgets` wants.

The early layers of a backbone are wide inside its inverted residuals, and need most of the RAM. How
many channels each block keeps inside is chosen so that the file's bytes, the RAM on a
microcontroller and the multiply-accumulates are within their budgets and the blocks' outputs change
least, on some of the training images. Which channels these are train finds out in the same way
(`spotimes.training.pruned_weights`). Neither an earlier run's widths nor the test split are looked
at.

In: data/prepared (the backbone, training images, the classes); in params.yaml `network` and
`evaluate.budgets`.
Out: `network.backbone.widths` in params.yaml, whose comments stay; metrics/pruning.png, how much is
kept at which cost; a table.
Time: half a minute.
"""

from collections.abc import Sequence
from pathlib import Path

from spotimes.blocks import Architecture
from spotimes.dataset.prepared import load_backbone, load_card, load_kept_tensors, load_split
from spotimes.errors import InputError
from spotimes.figures import FIGURES
from spotimes.inference.contract import Contract
from spotimes.nn.architecture import architecture
from spotimes.nn.widths import can_narrow, inner_widths
from spotimes.params.evaluate import Budgets, Evaluate
from spotimes.params.load import load_group
from spotimes.params.network import Network
from spotimes.params.preset import put
from spotimes.params.runtime import Runtime
from spotimes.params.train import Train
from spotimes.params.versions import Versions
from spotimes.pruning import cost, trade_off
from spotimes.pruning.choice import Inside
from spotimes.pruning.fit import Fit, Prunable, fitted
from spotimes.system import command
from spotimes.system.packages import check_installed
from spotimes.training.determinism import make_deterministic
from spotimes.training.pruned_weights import eliminated, spreads
from spotimes.usage import show_usage_if_asked

PICTURE = Path("metrics/pruning.png")


def main() -> None:
    """Chooses the widths, writes them into params.yaml and prints what they come to.

    Raises:
        InputError: there is no backbone, no budget that pruning can meet, or one that it cannot.
    """
    check_installed(load_group("versions", Versions))
    check_installed(load_group("runtime", Runtime))
    recipe = load_group("train", Train)
    make_deterministic(recipe.seed, recipe.threads)
    network = load_group("network", Network)
    limits = limits_of(load_group("evaluate", Evaluate).budgets)
    prunable = _prunable(network)
    fit = fitted(prunable, limits)
    trade_off.draw(prunable, fit, limits, PICTURE)
    print("\n".join(table(prunable, fit, limits)))
    widths = [] if fit.widths == prunable.published else fit.widths
    changes = put(f"network:\n  backbone:\n    widths: {widths}\n", "make prune")
    print("\n".join(changes) or "params.yaml has these widths already")


def limits_of(budgets: Budgets) -> dict[str, float]:
    """The budgets that pruning can bring a network within.

    Raises:
        InputError: none of them is set.
    """
    found = {name: limit for name, limit in budgets if name in cost.FIGURES and limit is not None}
    if not found:
        raise InputError(
            f"params.yaml: evaluate.budgets: set a limit to prune to: {', '.join(cost.FIGURES)}"
        )
    return found


def table(prunable: Prunable, fit: Fit, limits: dict[str, float]) -> list[str]:
    """What is kept of each block, and what the network costs before and after."""
    lines = ["block  channels inside     kept"]
    for inside, width in zip(prunable.insides, fit.widths, strict=True):
        channels = f"{inside.width:,} -> {width:,}"
        lines.append(f"{inside.block:5}  {channels:<16}  {inside.kept(width):6.1%}")
    for name in cost.FIGURES:
        figure, before, after = FIGURES[name], fit.before.get(name), fit.after.get(name)
        limit = f", at most {figure.exact(limits[name])} wanted" if name in limits else ""
        lines.append(f"{figure.heading}: {figure.text(before)} -> {figure.text(after)}{limit}")
    return lines


def _prunable(network: Network) -> Prunable:
    keep = network.backbone.keep
    if not keep:
        raise InputError(
            "params.yaml: network.backbone.keep: 0 is not allowed here: without a backbone there "
            "is nothing to prune"
        )
    backbone, tensors = load_backbone(), load_kept_tensors(keep)
    whole = architecture(_of_widths(network, []), backbone)
    kept = whole.blocks[:keep]
    if not inner_widths(kept):
        raise InputError(
            f"params.yaml: network.backbone.keep: {keep} is not allowed here: {backbone.name} has "
            "no inverted residual among these blocks, and nothing else is pruned; keep more"
        )
    card, images = load_card(), load_split("train").images
    contract = Contract.of(card.class_names, images.shape[1:], card.resize, whole.normalization)
    watched = spreads(whole, tensors, images)
    found = []
    for index in inner_widths(kept):
        project = f"block{index + 1}_project"
        losses = eliminated(tensors, project, watched[project], 0).losses
        found.append(Inside(index + 1, losses[::-1], fixed=not can_narrow(kept, index)))

    def network_of(widths: Sequence[int]) -> Architecture:
        return architecture(_of_widths(network, widths), backbone)

    return Prunable(found, network_of, contract)


def _of_widths(network: Network, widths: Sequence[int]) -> Network:
    backbone = network.backbone.model_copy(update={"widths": list(widths)})
    return network.model_copy(update={"backbone": backbone})


if __name__ == "__main__":
    show_usage_if_asked("spotimes.pruning", __doc__)
    command.run("prune", main)
