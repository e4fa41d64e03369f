"""The one exception that a user, rather than a developer, can mend."""


class InputError(Exception):
    """Something outside the code is wrong: params, a dataset, a download, a model, the machine.

    Its message is one line that says what is wrong, where, and what would be right. Commands print
    it without a traceback (`spotimes.system.command`).
    """
