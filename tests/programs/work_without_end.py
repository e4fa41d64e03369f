"""Two processes' tasks without an end; each that is done is a line."""

from itertools import count

from spotimes.ingestion.processes import WORTH_STARTING, Processes
from tests.tasks import Task

with Processes(2, 1) as pool:
    for _ in pool.results((Task(number=number) for number in count()), WORTH_STARTING):
        print(".", flush=True)
