"""`python -m spotimes.params`: checks all of params.yaml, before the hours that a run may take."""

from spotimes.params.load import GROUPS, load_group, schema
from spotimes.system import command


def main() -> None:
    """Checks every group.

    Raises:
        InputError: one is missing, or a value in it is not allowed.
    """
    for name in GROUPS:
        load_group(name, schema(name))


if __name__ == "__main__":
    command.run("params", main)
