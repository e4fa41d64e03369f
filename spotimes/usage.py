"""The usage of the commands."""

import argparse


def parser(module: str, text: str | None, *examples: str) -> argparse.ArgumentParser:
    """Makes a parser whose help begins with examples, as people read no further.

        parser("spotimes.compare", __doc__, "python -m spotimes.compare main").parse_args()

    Args:
        module: what follows `python -m`.
        text: what the command does; None where Python was started without docstrings.
        examples: command lines that work as they are, or nearly.
    """
    return argparse.ArgumentParser(
        prog=f"python -m {module}",
        description=with_examples(text or "", *examples),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )


def with_examples(text: str, *examples: str) -> str:
    """Puts examples, command lines, in front of what a command does."""
    return "\n".join(["for example:", *(f"  {each}" for each in examples), "", text.strip()])


def show_usage_if_asked(module: str, text: str | None) -> None:
    """Exits with the usage for `--help`, and with 2 for any argument, as the command takes none.

        if __name__ == "__main__":
            show_usage_if_asked("spotimes.doctor", __doc__)

    Args:
        module: what follows `python -m`.
        text: what the command does.

    Raises:
        SystemExit: there is an argument.
    """
    parser(module, text, f"python -m {module}").parse_args()
