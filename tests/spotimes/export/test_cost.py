from spotimes.export.cost import flash_by_part, ram_by_layer
from spotimes.export.graph import read
from spotimes.export.plan import plan
from tests.fuzz.small_models import CONTRACT, small_model

NETWORK = read(small_model(quantized=True), "a model")


def test_each_layer_takes_what_its_step_does() -> None:
    planned = plan(NETWORK)
    found = ram_by_layer(NETWORK, planned)
    assert list(found) == [
        "conv1",
        "rectifier2",
        "rectifier3",
        "add4",
        "depthwise5",
        "mean6",
        "dense7",
        "softmax8",
    ]
    assert -(-max(found.values()) // 4) * 4 == planned.arena_bytes


def test_constants_by_part() -> None:
    # 4 filters of 3 x 3 x 3, 4 of 3 x 3, and a dense layer from 4 to 3.
    found = flash_by_part(NETWORK, CONTRACT)
    assert found["weights"] == 4 * 27 + 4 * 9 + 3 * 4
    assert found["biases"] == 4 * (4 + 4 + 3)
    assert found["scaling"] == 5 * (4 + 4 + 3) + 24 + 8
    assert found["labels"] == len(b"cat\0dog\0frog\0")
    assert found["constants"] == sum(found.values()) - found["constants"]


def test_the_table_of_the_score_is_a_constant() -> None:
    without, limited = (
        flash_by_part(NETWORK, CONTRACT._replace(unknown_below=limit)) for limit in (None, 200)
    )
    changed = {part: limited[part] - without[part] for part in without}
    assert {part: more for part, more in changed.items() if more} == {
        "tables": 256,
        "constants": 256,
    }
