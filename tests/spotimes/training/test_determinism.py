import hashlib
import os
import random
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from tensorflow.python.framework.config import is_op_determinism_enabled

from spotimes.nn.frameworks import keras, tf
from spotimes.training.determinism import code_digest, make_deterministic
from tests.imports import reached
from tests.programs import program
from tests.project import ROOT

pytestmark = pytest.mark.slow


def test_it_seeds_all_generators(reseed: Callable[[], None]) -> None:
    drawn = []
    for _ in range(2):
        reseed()
        drawn.append(
            (
                tf.random.uniform([4]).numpy().tolist(),
                keras.initializers.HeNormal()([4, 4]).numpy().tolist(),
                random.random(),
                np.random.rand(4).tolist(),
            )
        )
    assert drawn[0] == drawn[1]
    make_deterministic(seed=2, threads=tf.config.threading.get_intra_op_parallelism_threads())
    assert tf.random.uniform([4]).numpy().tolist() != drawn[0][0]


def test_it_pins_threads_kernels_and_the_cpu(reseed: Callable[[], None]) -> None:
    threads = tf.config.threading.get_intra_op_parallelism_threads()
    assert threads > 0
    assert tf.config.threading.get_inter_op_parallelism_threads() == threads
    assert is_op_determinism_enabled()
    assert not tf.config.get_visible_devices("GPU")


def test_another_count_of_threads_comes_too_late(reseed: Callable[[], None]) -> None:
    tf.constant(1) + 1
    with pytest.raises(RuntimeError):
        make_deterministic(seed=1, threads=3)


def test_the_digest_is_of_the_projects_modules_alone(tmp_path: Path) -> None:
    needed = reached("spotimes.training.determinism")
    for file in [*needed, "tests/programs/code_digest.py"]:
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / file).write_bytes((ROOT / file).read_bytes())
    # Without TensorFlow, for speed: what is hashed does not depend on what it does.
    (tmp_path / "spotimes/nn/frameworks.py").write_text("keras = tf = None\n")
    unused, used = (tmp_path / "spotimes" / name for name in ("unused.py", "nn/frameworks.py"))
    unused.write_text("")

    def digest() -> str:
        done = subprocess.run(
            program("code_digest"),
            cwd=tmp_path,
            env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
            capture_output=True,
            text=True,
            check=True,
        )
        return done.stdout.strip()

    first = digest()
    assert len(first) == hashlib.sha256().digest_size * 2
    unused.write_text("changed = True\n")
    assert digest() == first
    used.write_text(used.read_text() + "# a comment\n")
    assert digest() != first


def test_the_digest_is_the_same_at_every_call() -> None:
    assert code_digest() == code_digest()


def test_the_users_settings_of_keras_have_no_say(tmp_path: Path) -> None:
    (tmp_path / "keras.json").write_text(
        '{"floatx": "float16", "epsilon": 1e-3, "backend": "jax", '
        '"image_data_format": "channels_first"}'
    )
    done = subprocess.run(
        program("keras_config"),
        cwd=ROOT,
        env={**os.environ, "KERAS_HOME": str(tmp_path), "KERAS_BACKEND": "torch"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert (done.stdout, done.stderr) == ("tensorflow float32 1e-07 channels_last\n", "")
