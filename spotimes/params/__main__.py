"""`python -m spotimes.params`: checks all of params.yaml, for what is no stage."""

from spotimes.params.load import check_groups
from spotimes.system import command
from spotimes.usage import show_usage_if_asked

if __name__ == "__main__":
    show_usage_if_asked("spotimes.params", __doc__)
    command.run("params", check_groups)
