from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from benchmarks.project import MODEL
from benchmarks.serving import Sent, sent_requests, serving
from benchmarks.serving_peers.answers import likeliest
from spotimes.errors import InputError
from spotimes.inference.classifier import Classifier

PIXELS = np.random.default_rng(1).integers(0, 256, (32, 32, 3), np.uint8)


def test_all_kinds_of_requests_find_the_same_class(tmp_path: Path) -> None:
    Image.fromarray(PIXELS).save(tmp_path / "picture.png")
    classifier, requests = Classifier(MODEL), sent_requests(tmp_path / "picture.png")
    ((best,),) = classifier.predict(PIXELS[np.newaxis])
    names = classifier.contract.class_names
    with serving() as server:
        found = {kind: likeliest(sent, server.port, names) for kind, sent in requests.items()}
        assert found == dict.fromkeys(("picture", "tensor", "json"), best.label)
        with pytest.raises(InputError, match="/predict: 400 "):
            likeliest(Sent("/predict", b"no picture", {}), server.port, names)
