"""One stage a file; stages.py finds them by name."""
