"""`python -m arcane`: the command line of the project in the working directory."""

from .cli import main

main()
