"""Searches as the command does, and kills itself at once: `killed_search EPOCH WHERE`.

EPOCH is counted over all trainings; WHERE is `before` or `after` it is reported to the trial.
"""

import os
import runpy
import signal
import sys

from spotimes.search import architecture_cost, objective

epoch, where = sys.argv[1:]
del sys.argv[1:]  # the search takes none


class Killing(objective.PruningCheckpoint):
    epochs_reported = 0

    def report(self, history: list[dict[str, float]]) -> None:
        Killing.epochs_reported += 1
        self.die("before")
        super().report(history)
        self.die("after")

    def die(self, moment: str) -> None:
        if (Killing.epochs_reported, moment) == (int(epoch), where):
            os.kill(os.getpid(), signal.SIGKILL)


architecture_cost.BUDGET_SECONDS = 1  # latencies, which differ from run to run, are not compared
objective.PruningCheckpoint = Killing  # type: ignore[misc]
runpy.run_module("spotimes.search", run_name="__main__", alter_sys=True)
