"""Random numbers that a program draws: when, and whether inside a model's call, in which of its modes."""

from dataclasses import replace
from typing import Any

from .trace import Node

MOST = 4000
"""Draws of a kind kept."""


def look(recorder: Any, node: Node) -> None:
    """Keep when numbers were drawn, and draws inside a model's call in eval mode."""
    node.facts["drawn"] = float(recorder.trace.steps)
    if not recorder.current_calls or not recorder.calling.modules:
        return
    trace = recorder.trace
    call = trace.calls[max(recorder.current_calls)]
    if "dropout" in node.name:
        rate, training = node.option("p", 1, 0.5), node.option("training", 2, True)
        known = trace.models[call.model].inner
        node.facts["stray"] = float(id(recorder.calling.modules[-1]) not in known)
        if training and rate and not call.training and len(trace.dropout_in_evaluation) < MOST:
            trace.dropout_in_evaluation.append(node)
        if training and rate and call.training and not call.modes.dropout_on:  # a function that asks for the mode
            call.modes = replace(call.modes, dropout_on=1)
    elif not (call.training and call.gradient) and len(trace.random_in_evaluation) < MOST:
        node.calls = recorder.current_calls
        trace.random_in_evaluation.append(node)
