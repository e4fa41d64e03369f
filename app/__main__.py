"""`python -m app VERB`: an image classifier on a device, from one .tflite file."""

import argparse
import importlib
import io
import os
import sys
from pathlib import Path
from types import ModuleType

from spotimes import usage
from spotimes.errors import InputError
from spotimes.system import command
from spotimes.system.cores import at_most_allowed

MODEL = Path("models/model_int8.tflite")
VERBS = {
    "predict": "print the most probable classes of pictures, .npy tensors or folders of them",
    "info": "print what the model is: its input, its classes, its size",
    "bench": "measure how long the model takes for an image here",
    "serve": "answer over HTTP: the Open Inference Protocol v2, picture uploads, and a page",
}
EXAMPLES = {
    "predict": "python -m app predict picture.jpg",
    "info": "python -m app info --model models/model_int8.tflite",
    "bench": "python -m app bench",
    "serve": "python -m app serve --port 8000",
}


def main() -> None:
    """Runs the verb that the command line names; `python -m app VERB --help` explains each."""
    parser = usage.parser("app", __doc__, *EXAMPLES.values())
    verbs = parser.add_subparsers(required=True, metavar="VERB")
    for name, summary in VERBS.items():
        verb = verbs.add_parser(
            name,
            help=summary,
            description=usage.with_examples(f"{summary[0].upper()}{summary[1:]}.", EXAMPLES[name]),
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        if name not in sys.argv[1:2]:  # nothing is imported that the verb does not need
            continue
        module = _module(name)
        verb.add_argument("--model", type=Path, default=MODEL, help=f"a .tflite file ({MODEL})")
        verb.add_argument(
            "--threads",
            type=_threads,
            default=1,
            help="of the runtime, for one image; at most as many as cores are allowed (1)",
        )
        verb.add_argument(
            "--force-threads", action="store_true", help="use more threads than cores all the same"
        )
        module.add_arguments(verb)
        verb.set_defaults(run=module.run, name=name)
    arguments = parser.parse_args()
    command.run(arguments.name, lambda: _run(arguments))


def _module(name: str) -> ModuleType:
    try:
        return importlib.import_module(f"app.{name}")
    except KeyboardInterrupt:
        sys.exit(130)
    except ModuleNotFoundError as error:
        print(f"{name}: {_not_installed(name, error)}", file=sys.stderr)
        sys.exit(2)


def _not_installed(verb: str, error: ModuleNotFoundError) -> str:
    package = str(error.name).partition(".")[0]
    remedy = "make serve" if verb == "serve" else "source .venv/bin/activate"
    return (
        f"the package {package} is not installed; run `{remedy}`, or on a device "
        "`.venv/bin/pip install --requirement app/requirements.txt`"
    )


def _run(arguments: argparse.Namespace) -> None:
    for name in ("stdout", "stderr"):  # closed ones take nothing, and that is no failure
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: PTH123, SIM115
    if isinstance(sys.stdout, io.TextIOWrapper):  # a name that it cannot encode is no failure
        sys.stdout.reconfigure(errors="backslashreplace")
    if not arguments.force_threads:
        arguments.threads = at_most_allowed(
            arguments.threads,
            f"{arguments.name}: --threads",
            "no more are used without --force-threads",
        )
    try:
        arguments.run(arguments)
        sys.stdout.flush()
    except ModuleNotFoundError as error:
        raise InputError(_not_installed(arguments.name, error)) from error
    except BrokenPipeError:  # whoever read it, such as `head`, has had enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(141)


def _threads(text: str) -> int:
    value = int(text)
    if not 1 <= value <= 256:
        raise argparse.ArgumentTypeError(f"{value} is not allowed; give 1 to 256")
    return value


if __name__ == "__main__":
    main()
