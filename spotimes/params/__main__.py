"""`python -m spotimes.params`: checks all of params.yaml, for what is no stage."""

import argparse

from spotimes.params.load import check_groups
from spotimes.system import command

if __name__ == "__main__":
    # It takes none; --help is not to begin what takes long.
    argparse.ArgumentParser(
        prog="python -m spotimes.params",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    ).parse_args()
    command.run("params", check_groups)
