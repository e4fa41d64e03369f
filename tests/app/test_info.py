import hashlib
import json
from collections.abc import Callable
from pathlib import Path

from spotimes.inference.contract import read_contract
from tests.app.conftest import Ended
from tests.app.models import MODEL, with_contract


def test_it_says_what_the_model_is(app: Callable[..., Ended]) -> None:
    content, contract = MODEL.read_bytes(), read_contract(MODEL)
    facts = json.loads(app("info", "--json", "--model", MODEL).out)
    assert facts == {
        "file": str(MODEL),
        "bytes": len(content),
        "sha256": hashlib.sha256(content).hexdigest(),
        "dtype": "int8",
        "input": {
            "height": 32,
            "width": 32,
            "colour": "rgb",
            "resize": contract.resize,
            "range": None,
        },
        "classes": list(contract.class_names),
        "unknown_below": contract.unknown_below,
    }
    status, out, err = app("info", "--model", MODEL)
    assert (status, err) == (0, "")
    for text in (f"{len(content):,}", facts["sha256"], "int8", "32 x 32 rgb", "cat, deer, dog"):
        assert text in out


def test_it_says_below_which_score_a_picture_is_unknown(
    app: Callable[..., Ended], tmp_path: Path
) -> None:
    path = tmp_path / "model.tflite"
    for limit, said in ((417, True), (None, False)):
        path.write_bytes(with_contract(read_contract(MODEL)._replace(unknown_below=limit)))
        assert json.loads(app("info", "--json", "--model", path).out)["unknown_below"] == limit
        out = app("info", "--model", path).out
        assert ("unknown  is a picture whose score is below 417\n" in out) == said
