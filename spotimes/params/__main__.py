"""`python -m spotimes.params`: checks all of params.yaml, for what is no stage."""

from spotimes.params.load import check_groups
from spotimes.system import command

if __name__ == "__main__":
    command.run("params", check_groups)
