"""The record of a search, for people: metrics/search.csv, and what is printed."""

import textwrap
from collections.abc import Sequence

import pandas as pd
import yaml
from optuna.trial import FrozenTrial, TrialState

from spotimes.search import pareto
from spotimes.search.architecture_cost import Cost

COLUMNS = (
    "trial",
    "outcome",  # over a limit, pruned, or trained
    "architecture",
    "val_accuracy",  # after the last epoch that it was trained
    "epochs",
    *Cost._fields,  # of one over a limit by its estimate, bytes and macs alone, as estimated
    "machine",  # that measured the latencies, and trained
)

COUNTS = ("bytes", "arena_bytes", "c_ram_bytes", "c_instructions", "macs")


def table(trials: Sequence[FrozenTrial]) -> pd.DataFrame:
    """A row for each of `spotimes.search.study.Study.finished`'s trials, with `COLUMNS`."""
    rows = []
    for trial in trials:
        epochs = len(trial.intermediate_values)
        ended = "trained" if trial.state == TrialState.COMPLETE else "pruned"
        rows.append(
            {
                "trial": trial.number,
                "outcome": ended if epochs else "over a limit",
                "architecture": trial.user_attrs["architecture"],
                "val_accuracy": _accuracy(trial) if epochs else None,
                "epochs": epochs,
                **trial.user_attrs["cost"],
            }
        )
    frame = pd.DataFrame(rows, columns=list(COLUMNS))
    return frame.astype(dict.fromkeys(COUNTS, "Int64"))


def counts(frame: pd.DataFrame, size: int) -> str:
    """How many trials there were of each outcome, of a space of so many architectures."""
    outcomes = frame["outcome"].value_counts()
    return f"{len(frame):,} of {size:,} architectures: " + ", ".join(
        f"{count:,} {outcome}" for outcome, count in outcomes.items()
    )


def front(trials: Sequence[FrozenTrial]) -> list[FrozenTrial]:
    """The trained ones on the front of bytes and accuracy, by rising bytes and accuracy."""
    trained = [trial for trial in trials if trial.state == TrialState.COMPLETE]
    costs = [trial.user_attrs["cost"]["bytes"] for trial in trained]
    accuracies = [_accuracy(trial) for trial in trained]
    return [trained[index] for index in pareto.front(costs, accuracies)]


def line(trial: FrozenTrial) -> str:
    """A trial that was trained, or pruned, in a line."""
    cost, epochs = trial.user_attrs["cost"], len(trial.intermediate_values)
    pruned = "" if trial.state == TrialState.COMPLETE else ", pruned"
    return (
        f"trial {trial.number}: {trial.user_attrs['architecture']}: {cost['bytes']:,} bytes, "
        f"{cost['macs'] / 1e6:.2f} M MACs, latency {cost['latency_ratio']:.2f}: "
        f"{_accuracy(trial):.2%} after {epochs} epochs{pruned}"
    )


def as_params(trial: FrozenTrial) -> str:
    """A trial's blocks as they lie under `network` in params.yaml."""
    blocks = {"blocks": trial.user_attrs["blocks"]}
    text = yaml.safe_dump(blocks, sort_keys=False, default_flow_style=None)
    return textwrap.indent(text, "  ")


def _accuracy(trial: FrozenTrial) -> float:
    """That after the last epoch."""
    return trial.intermediate_values[len(trial.intermediate_values)]
