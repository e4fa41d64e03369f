from spotimes.tflite import arena
from spotimes.tflite.activation_memory import by_operator
from spotimes.tflite.tflite_file import TFLiteFile
from tests.project import ROOT


def test_each_operator_holds_what_it_reads_and_writes(int8: bytes) -> None:
    """The small network on 32 x 32 x 3, all INT8: an image and what its first layer gives, ..."""
    file = TFLiteFile(int8)
    needs = by_operator(file)
    assert [need.operator for need in needs] == file.operator_names()
    sizes = [1]
    for tensor in (int(file.graph.inputs[0]), int(file.graph.operators[0].outputs[0])):
        for side in file.graph.tensors[tensor].shape:
            sizes[-1] *= int(side)
        sizes.append(1)
    assert needs[0].bytes == sizes[0] + sizes[1]
    assert needs[-1].bytes == 20  # ten logits, ten probabilities


def test_no_arena_is_smaller_than_the_highest_need() -> None:
    content = (ROOT / "models/model_int8.tflite").read_bytes()
    measured = arena.measure(content).bytes
    highest = max(need.bytes for need in by_operator(TFLiteFile(content)))
    assert measured is None or highest <= measured


def test_fp32_needs_four_times_as_much() -> None:
    fp32, int8 = (
        by_operator(TFLiteFile((ROOT / f"models/model_{name}.tflite").read_bytes()))
        for name in ("fp32", "int8")
    )
    assert [need.bytes for need in fp32] == [4 * need.bytes for need in int8]
