"""The data room: where examples come from, what is wrong with them, how they are split, and how training reads them.

Must not know: models, training, diagnosis, or what runs the stages.
"""
