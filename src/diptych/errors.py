"""The one error a user's mistake raises: a single line that says what to do."""


class DiptychError(ValueError):
    """Bad input: which file or key, what is wrong, what would be right.

    The command line prints the line and exits with status 2; from Python it is a ``ValueError``.
    """
