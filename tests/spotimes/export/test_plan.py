"""The plan's buffers, held to what they are for. That nothing is overwritten too early, the
comparisons of outputs in test_source.py show."""

import pytest

from spotimes.export.graph import Network, read
from spotimes.export.plan import IMAGE, Plan, plan
from spotimes.tflite.activation_memory import by_operator
from spotimes.tflite.tflite_file import TFLiteFile
from tests.project import ROOT
from tests.spotimes.export.random_models import random_model

DEFAULT = (ROOT / "models/model_int8.tflite").read_bytes()


def networks() -> list[Network]:
    return [read(random_model(seed)[0], "a model") for seed in range(30)]


@pytest.fixture(scope="module")
def planned() -> list[tuple[Network, Plan]]:
    return [(network, plan(network)) for network in networks()]


def test_the_default_takes_a_quarter_of_the_interpreter() -> None:
    found = plan(read(DEFAULT, "a model")).arena_bytes
    assert found <= 9_600
    # Its image is with the caller: with it, it is less than what layer by layer takes.
    assert found + 32 * 32 * 3 < max(memory.bytes for memory in by_operator(TFLiteFile(DEFAULT)))


def test_each_layer_is_in_one_step(planned: list[tuple[Network, Plan]]) -> None:
    for network, found in planned:
        covered = [index for step in found.steps for index in step.layers]
        assert covered == list(range(len(network.layers)))


def test_all_lies_within_the_arena(planned: list[tuple[Network, Plan]]) -> None:
    for _, found in planned:
        ends = [buffer.end for step in found.steps for buffer in step.buffers]
        assert max(ends) <= found.arena_bytes
        assert found.arena_bytes - max(step.bytes for step in found.steps) < 4
        assert found.arena_bytes % 4 == 0


def test_only_the_source_and_the_target_of_a_step_overlap(
    planned: list[tuple[Network, Plan]],
) -> None:
    overlapping = 0
    for _, found in planned:
        for step in found.steps:
            both = {step.layers.start, step.layers.stop}
            placed = [*step.maps.items(), *([(-1, step.scratch)] if step.scratch else [])]
            for index, buffer in placed:
                for other, second in placed:
                    if index < other and buffer.offset < second.end and second.offset < buffer.end:
                        assert {index, other} == both
                        overlapping += 1
    assert overlapping > 50


def test_a_step_finds_its_source_where_the_one_before_left_it(
    planned: list[tuple[Network, Plan]],
) -> None:
    moved = 0
    for _, found in planned:
        for before, after in zip(found.steps, found.steps[1:], strict=False):
            shared = after.layers.start
            left = before.maps[shared].offset
            if after.moved_from is None:
                assert after.maps[shared] == before.maps[shared]
            else:
                assert after.moved_from == left != after.maps[shared].offset
                moved += 1
    assert moved > 0


def test_the_image_is_never_there_as_a_whole() -> None:
    (first, *_) = plan(read(DEFAULT, "a model")).steps
    assert first.maps[IMAGE].rows == 3
