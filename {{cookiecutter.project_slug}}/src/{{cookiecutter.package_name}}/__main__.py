"""`python -m PACKAGE`, and the project's console script."""

from arcane.cli import main

if __name__ == "__main__":
    main()
