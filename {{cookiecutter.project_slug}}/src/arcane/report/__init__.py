"""The report room: one self-contained page, made from the files that the stages wrote.

Must not know: training, models, or anything that is not in a file; it measures nothing.
"""

from .page import render_page

__all__ = ["render_page"]
