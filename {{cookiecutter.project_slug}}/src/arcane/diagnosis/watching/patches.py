"""Puts the recorder into torch's extension points, and takes every piece out again."""

import builtins
import functools
import os
import sys
from collections.abc import Callable
from typing import Any

import torch
from torch.nn.modules import module as modules
from torch.optim import lr_scheduler, optimizer
from torch.utils.data import _utils, dataloader

from .fetching import heard_in_part
from .operations import tensors_in
from .places import here
from .recorder import Recorder, StopProgram, frame_of_person
from .showing import look_at_locals, look_at_print


class Patches:
    """What was hooked and replaced, so that it can be undone in the reverse order.

    Args:
        recorder: Is told of everything.
    """

    def __init__(self, recorder: Recorder):
        self.recorder = recorder
        self._undo: list[Callable[[], None]] = []

    def install(self) -> None:
        recorder = self.recorder
        hooks = (
            modules.register_module_forward_pre_hook(recorder.calling.before),
            modules.register_module_forward_hook(recorder.calling.after, always_call=True),
            optimizer.register_optimizer_step_pre_hook(self._before_step),
            optimizer.register_optimizer_step_post_hook(self._after_step),
        )
        self._undo += [hook.remove for hook in hooks]
        self._replace(torch.autograd, "backward", self._backward)
        self._replace(torch.autograd, "grad", self._grad)
        self._replace(torch.optim.Optimizer, "zero_grad", self._zero)
        self._replace(torch.nn.Module, "zero_grad", self._zero)
        self._replace(torch.nn.Module, "load_state_dict", self._load)
        self._replace(torch.nn.Module, "eval", self._eval)
        self._replace(torch.optim.Optimizer, "__init__", self._made)
        for name in ("clip_grad_norm_", "clip_grad_value_"):
            original = getattr(torch.nn.utils, name)
            wrapped = self._clip(original)
            for place in (torch.nn.utils, torch.nn.utils.clip_grad):
                self._set(place, name, wrapped)
        for kind in [lr_scheduler.LRScheduler, *_below(lr_scheduler.LRScheduler)]:
            if "step" in vars(kind):
                self._replace(kind, "step", self._schedule)
        self._replace(lr_scheduler.LRScheduler, "__init__", self._schedule_made)
        self._replace(torch, "compile", self._compile)
        for kind in _below(torch.distributions.Distribution):
            if "log_prob" in vars(kind):
                self._replace(kind, "log_prob", self._log_prob)
        self._replace(builtins, "print", self._print)
        self._replace(dataloader._BaseDataLoaderIter, "__next__", self._delivered)
        self._replace(_utils.fetch._MapDatasetFetcher, "fetch", lambda fetch: heard_in_part(fetch, recorder))
        recorder.preparing.install()
        self._undo.append(recorder.preparing.remove)
        os.register_at_fork(after_in_child=self._forked)
        recorder.look(True)

    def remove(self) -> None:
        self.recorder.finish()
        while self._undo:
            self._undo.pop()()

    def _forked(self) -> None:
        """A child process (a DataLoader's worker) does not report."""
        self.recorder.finished = True
        self.recorder.on = False
        while torch.overrides._get_current_function_mode() is self.recorder.mode:
            torch.overrides._pop_mode()

    def _set(self, owner: Any, name: str, value: Any) -> None:
        own = name in vars(owner)
        before = getattr(owner, name)
        setattr(owner, name, value)
        self._undo.append(lambda: setattr(owner, name, before) if own else delattr(owner, name))

    def _replace(self, owner: Any, name: str, make: Callable[[Callable], Callable]) -> None:
        original = getattr(owner, name)
        self._set(owner, name, functools.wraps(original)(make(original)))

    # Optimisers

    def _before_step(self, optimiser: Any, args: tuple, kwargs: dict) -> None:
        recorder = self.recorder
        closure = bool(args[1:] and args[1]) or bool(kwargs.get("closure"))
        recorder.guarded(recorder.stepping.before_step, optimiser, closure)
        recorder.in_step = not closure

    def _after_step(self, optimiser: Any, args: tuple, kwargs: dict) -> None:
        recorder = self.recorder
        recorder.in_step = False
        closure = bool(args[1:] and args[1]) or bool(kwargs.get("closure"))
        recorder.guarded(recorder.stepping.after_step, optimiser, closure)
        if recorder.enough() and not recorder.finished:
            raise StopProgram

    def _zero(self, original: Callable) -> Callable:
        def zero_grad(this: Any, *args: Any, **kwargs: Any) -> Any:
            if not (self.recorder.in_step or self.recorder.asleep):
                self.recorder.guarded(lambda: self.recorder.stepping.zero(this, here(3)))
            return original(this, *args, **kwargs)

        return zero_grad

    def _made(self, original: Callable) -> Callable:
        def __init__(this: Any, *args: Any, **kwargs: Any) -> None:  # noqa: N807
            self.recorder.stepping.made[id(this)] = here(2)
            original(this, *args, **kwargs)

        return __init__

    # Gradients

    def _backward(self, original: Callable) -> Callable:
        def backward(*args: Any, **kwargs: Any) -> Any:
            recorder = self.recorder
            if recorder.dozing():
                recorder.passed()
            else:
                roots = args[0] if args else kwargs.get("tensors")
                recorder.guarded(recorder.before_backward, roots, here(2))
            return self._in_backward(original, args, kwargs)

        return backward

    def _grad(self, original: Callable) -> Callable:
        def grad(*args: Any, **kwargs: Any) -> Any:
            recorder = self.recorder
            wanted = tensors_in([args[1] if len(args) > 1 else kwargs.get("inputs")])
            if any(isinstance(tensor, torch.nn.Parameter) for tensor in wanted) and recorder.listening():
                recorder.guarded(recorder.before_backward, args[0] if args else kwargs.get("outputs"), here(2))
            return self._in_backward(original, args, kwargs)

        return grad

    def _in_backward(self, original: Callable, args: tuple, kwargs: dict) -> Any:
        before, self.recorder.in_backward = self.recorder.in_backward, True
        try:
            return original(*args, **kwargs)
        finally:
            self.recorder.in_backward = before

    def _clip(self, original: Callable) -> Callable:
        @functools.wraps(original)
        def clip(*args: Any, **kwargs: Any) -> Any:
            recorder = self.recorder
            if not recorder.asleep:
                recorder.guarded(lambda: recorder.event("clip", here(3)))
            paused, recorder.paused = recorder.paused, True
            try:
                return original(*args, **kwargs)
            finally:
                recorder.paused = paused

        return clip

    def _log_prob(self, original: Callable) -> Callable:
        def log_prob(this: Any, value: Any, *args: Any, **kwargs: Any) -> Any:
            result = original(this, value, *args, **kwargs)
            if self.recorder.listening():
                self.recorder.guarded(self.recorder.likelihood, this, value, result)
            return result

        return log_prob

    # Schedules, states, compilation

    def _schedule(self, original: Callable) -> Callable:
        def step(this: Any, *args: Any, **kwargs: Any) -> Any:
            caller = sys._getframe(1).f_code
            inner = caller.co_filename.endswith("lr_scheduler.py")
            if not inner:
                recorder = self.recorder
                recorder.guarded(lambda: recorder.stepping.schedule(this, here(3)))
            return original(this, *args, **kwargs)

        return step

    def _schedule_made(self, original: Callable) -> Callable:
        def __init__(this: Any, *args: Any, **kwargs: Any) -> None:  # noqa: N807
            original(this, *args, **kwargs)
            self.recorder.guarded(lambda: self.recorder.stepping.schedule_of(this, here(3)))

        return __init__

    def _eval(self, original: Callable) -> Callable:
        def eval_(this: Any) -> Any:
            self.recorder.guarded(self.recorder.evaluating)
            return original(this)

        return eval_

    def _load(self, original: Callable) -> Callable:
        def load_state_dict(this: Any, *args: Any, **kwargs: Any) -> Any:
            frame, library = sys._getframe(1), ""
            for _ in range(6):
                if frame is None:
                    break
                for name in ("torchvision", "timm"):
                    library = name if f"{os.sep}{name}{os.sep}" in frame.f_code.co_filename else library
                frame = frame.f_back
            place = here(2)
            if type(this).__module__.startswith("torchvision."):
                library = "torchvision"
            for inner in this.modules():
                self.recorder.loaded.setdefault(id(inner), (place.shown if place else "a library", library))
            self.recorder.kept.append(this)
            done = original(this, *args, **kwargs)
            self.recorder.guarded(self.recorder.known_weights, this)
            return done

        return load_state_dict

    def _compile(self, original: Callable) -> Callable:
        """What is compiled is not looked into: hooks inside would change what is compiled."""

        def compile_(*args: Any, **kwargs: Any) -> Any:
            recorder = self.recorder
            note = "torch.compile: the program's compiled part was run without compiling it, to be seen"
            if note not in recorder.trace.notes:
                recorder.trace.notes.append(note)
            target = args[0] if args else kwargs.get("model")
            return target if target is not None else (lambda function: function)

        return compile_

    def _delivered(self, original: Callable) -> Callable:
        def __next__(this: Any) -> Any:  # noqa: N807
            batch = original(this)
            self.recorder.guarded(self.recorder.delivery.came, batch)
            return batch

        return __next__

    # What the program shows

    def _print(self, original: Callable) -> Callable:
        def print_(*args: Any, **kwargs: Any) -> None:
            original(*args, **kwargs)
            frame = frame_of_person(2)
            if frame is not None:
                self.recorder.guarded(look_at_print, self.recorder, frame, args)
                self.recorder.guarded(look_at_locals, self.recorder, frame)

        return print_


def _below(kind: type) -> list[type]:
    return [inner for direct in kind.__subclasses__() for inner in (direct, *_below(direct))]
