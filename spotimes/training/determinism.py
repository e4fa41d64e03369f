"""What makes a training run repeatable.

A run repeats bit for bit on one kind of CPU with one number of threads, which
`spotimes.system.host.fingerprint` describes. On another kind it does not: TensorFlow blocks its
contractions by the caches' sizes and uses the CPU's approximate reciprocal square root.
"""

import hashlib
import sys
from pathlib import Path

from spotimes.nn.frameworks import keras, tf

# What `spotimes.system.cores.at_most_allowed` is to say where there are fewer cores than threads.
ALL_ARE_USED = "all are used, as fewer would give other weights, so training takes longer"
ROOT = Path(__file__).resolve().parents[2]


def make_deterministic(seed: int, threads: int) -> None:
    """Seeds every generator and pins TensorFlow to deterministic kernels and so many threads.

    It must be called before TensorFlow's first operation, as its thread pools are made once.

    Raises:
        RuntimeError: TensorFlow has already made its thread pools with another count.
    """
    tf.config.set_visible_devices([], "GPU")  # the fingerprint speaks of CPUs alone
    tf.config.threading.set_intra_op_parallelism_threads(threads)
    tf.config.threading.set_inter_op_parallelism_threads(threads)
    tf.config.experimental.enable_op_determinism()
    keras.utils.set_random_seed(seed)


def code_digest() -> str:
    """Returns a SHA-256 of the project's files that are imported by now, by path and content."""
    loaded = [getattr(module, "__file__", None) for module in list(sys.modules.values())]
    files = {Path(file).resolve() for file in loaded if file}
    digest = hashlib.sha256()
    for file in sorted(files):
        if file.is_relative_to(ROOT / "spotimes") or file.is_relative_to(ROOT / "stages"):
            digest.update(f"{file.relative_to(ROOT)}\n".encode() + file.read_bytes())
    return digest.hexdigest()
