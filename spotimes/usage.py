"""The usage of a command that takes no argument."""

import argparse


def show_usage_if_asked(module: str, text: str | None) -> None:
    """Exits with the usage for `--help`, and with 2 for any other argument.

        if __name__ == "__main__":
            show_usage_if_asked("spotimes.doctor", __doc__)

    Args:
        module: what follows `python -m`.
        text: what the command does.

    Raises:
        SystemExit: there is an argument.
    """
    argparse.ArgumentParser(
        prog=f"python -m {module}",
        description=text,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    ).parse_args()
