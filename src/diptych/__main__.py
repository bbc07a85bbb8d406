"""`python -m diptych` is the command line."""

from diptych.commands.app import main

main()
