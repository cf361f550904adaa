"""The one kind of error a user is meant to read."""


class BrightfieldError(Exception):
    """Something the user can put right: says what came, what was expected and what to do.

    The command line prints it as one message without a traceback and exits with 1 (``--debug`` shows the traceback).
    """
