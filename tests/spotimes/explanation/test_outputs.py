from pathlib import Path

import numpy as np

from spotimes.explanation.outputs import with_outputs
from spotimes.inference.interpreter import interpreter_of, invoke, read_verified
from spotimes.inference.verification import verify
from tests.project import ROOT

INT8 = ROOT / "models/model_int8.tflite"


def test_every_inner_tensor_can_be_an_output_and_the_answer_stays_the_same_to_the_byte() -> None:
    content, graph = read_verified(INT8)
    indices = [operator.output for operator in graph.operators]
    changed = with_outputs(content, indices)
    assert verify(changed, INT8).outputs == indices
    usual, with_inner = (interpreter_of(each, INT8) for each in (content, changed))
    (output,) = graph.outputs
    (details,) = usual.get_input_details()
    generator = np.random.default_rng(1)
    for _ in range(30):
        image = generator.integers(-128, 128, details["shape"], np.int8)
        for interpreter in (usual, with_inner):
            interpreter.set_tensor(details["index"], image)
            invoke(interpreter, INT8)
        assert with_inner.get_tensor(output).tobytes() == usual.get_tensor(output).tobytes()


def test_the_outputs_are_what_the_operators_compute() -> None:
    content, graph = read_verified(INT8)
    *_, mean, dense, _ = graph.operators
    interpreter = interpreter_of(with_outputs(content, [mean.inputs[0], dense.inputs[0]]), INT8)
    assert [each["index"] for each in interpreter.get_output_details()] == [
        mean.inputs[0],
        mean.output,
    ]
    (details,) = interpreter.get_input_details()
    image = np.random.default_rng(2).integers(-128, 128, details["shape"], np.int8)
    interpreter.set_tensor(details["index"], image)
    invoke(interpreter, INT8)
    features, pooled = (
        (interpreter.get_tensor(index).astype(np.float64) - tensor.zero_point) * tensor.scale
        for index, tensor in ((each, graph.tensors[each]) for each in (mean.inputs[0], mean.output))
    )
    rounding = float(graph.tensors[mean.output].scale[0])
    np.testing.assert_allclose(features.mean(axis=(1, 2)), pooled, atol=0.51 * rounding)


def test_what_lies_behind_the_flatbuffer_stays_where_it_was(tmp_path: Path) -> None:
    content, graph = read_verified(INT8)
    changed = with_outputs(content[:-1], [graph.operators[0].output])
    kept = len(content) - 1
    differing = [at for at in range(kept) if changed[at] != content[at]]
    assert len(differing) <= 4
    assert max(differing) - min(differing) < 4
