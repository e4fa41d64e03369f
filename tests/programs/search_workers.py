"""Forks workers of a search, so that not each of them has to import TensorFlow.

    search_workers [EPOCH_SECONDS]

With EPOCH_SECONDS trainings only pretend. A line on standard input is a folder and a core, -1 for
all: a worker is started there, and its process ID printed. What it prints goes to `log` in the
folder, its status, once it has ended, to `status`. When the input ends, the workers are killed.
"""

import os
import signal
import sys
import traceback
from pathlib import Path

import pytest

from spotimes.search import __main__ as search
from spotimes.search import architecture_cost, storage, study
from spotimes.system import command
from tests.pretended_search import pretend

# What a machine that is gone delays here, and what the database's restart does.
storage.BEAT_SECONDS, storage.GRACE_SECONDS = 1, 6
storage.PAUSE_SECONDS, study.WAIT_SECONDS = 0.3, 0.3
architecture_cost.BUDGET_SECONDS = 1  # latencies, which differ from run to run, are not compared


def work(folder: Path) -> int:
    os.chdir(folder)
    log = os.open("log", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    for descriptor in (1, 2):
        os.dup2(log, descriptor)
    try:
        command.run("search", search.main)
    except SystemExit as ended:
        return int(ended.code or 0)
    except BaseException:
        traceback.print_exc()
    return 1


def main() -> None:
    if len(sys.argv) > 1:
        pretend(pytest.MonkeyPatch(), lambda _: None, float(sys.argv[1]))
    begun = []
    print("ready", flush=True)
    for line in sys.stdin:
        name, _, core = line.strip().rpartition(" ")
        folder = Path(name)
        process = os.fork()
        if not process:
            if int(core) >= 0:
                os.sched_setaffinity(0, {int(core)})
            status = work(folder)
            (folder / "status").write_text(str(status))
            os._exit(status)
        begun.append(process)
        print(process, flush=True)
    for process in begun:
        os.kill(process, signal.SIGKILL)  # a zombie's number is not another process'
        os.waitpid(process, 0)


main()
