"""Puts observers into a program's own text, because numpy tells nobody what it does; no result is other than before.

`a - b` becomes `seen(a - b, "sub", 7, a, b)`: the program's own line does the arithmetic, and the observer hands the
result on. What is more than a name is kept on its way (`kept(7, 0, self.images[i])`), so that it is evaluated once.
Line numbers stay, and so do tracebacks and warnings.
"""

import ast
import importlib.machinery
import re
import sys
import types
import warnings
from pathlib import Path
from typing import Any

SEEN, CAST, JUDGED, KEPT = "_arcane_seen", "_arcane_cast", "_arcane_judged", "_arcane_kept"
STORED, CHANGED = "_arcane_stored", "_arcane_changed"
"""Names of the observers among the builtins, where every module of the program finds them."""

ARITHMETIC: dict[type, str] = {
    ast.Add: "add", ast.Sub: "sub", ast.Mult: "mul", ast.FloorDiv: "floordiv", ast.Pow: "pow", ast.LShift: "lshift",
}  # fmt: skip
COMPARISONS: dict[type, str] = {ast.Eq: "eq", ast.NotEq: "ne"}
MAKERS = frozenset({"array", "asarray", "ascontiguousarray"})
WHOLE = frozenset({"uint8", "int8", "int16", "uint16", "int32", "uint32", "int64"})
METRICS = frozenset({
    "accuracy_score", "balanced_accuracy_score", "f1_score", "precision_score", "recall_score", "fbeta_score",
    "jaccard_score", "roc_auc_score", "average_precision_score", "log_loss", "brier_score_loss", "confusion_matrix",
    "classification_report", "precision_recall_fscore_support", "r2_score", "explained_variance_score",
    "mean_squared_error", "mean_absolute_error", "root_mean_squared_error", "mean_absolute_percentage_error",
})  # fmt: skip
"""Functions of scikit-learn that compare targets with predictions, in this order."""

ELSEWHERE = (
    "numba", "triton", "taichi", "jax", "pythran", "cython", "joblib", "n_jobs", "cloudpickle", "dill", "ray", "dask",
    "pyspark", "submitit", "loky",
)  # fmt: skip
"""What takes a function's bytecode elsewhere, to a compiler or another process, where nobody knows the observers; a
program that names one is left as it is."""

TAKEN = re.compile(rb"\b(" + b"|".join(name.encode() for name in ELSEWHERE) + rb")\b")

DEEPEST = 2
"""Loops within each other in which arithmetic is looked at: in a deeper one Python's own numbers are counted up, and
each look costs five times what their sum does."""


def rewritten(source: bytes, file: str) -> types.CodeType:
    """A program's code with observers in it; as it is where that cannot be done.

    Raises:
        SyntaxError: It is no Python.
        ValueError: It holds null bytes.
    """
    plain = compile(source, file, "exec", dont_inherit=True)
    if TAKEN.search(source):
        return plain
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # said once, when the program itself was compiled
            tree = compile(source, file, "exec", ast.PyCF_ONLY_AST, dont_inherit=True)
            return compile(ast.fix_missing_locations(Rewriter().visit(tree)), file, "exec", dont_inherit=True)
    except (SyntaxError, ValueError, RecursionError, TypeError):
        return plain


class Rewriter(ast.NodeTransformer):
    """Puts the observers in; every place has a number of its own."""

    def __init__(self) -> None:
        self.sites = self.loops = 0

    def site(self) -> int:
        self.sites += 1
        return self.sites

    # What needs no look: annotations, indices, and the arithmetic of constants

    def visit_AnnAssign(self, node: ast.AnnAssign) -> Any:
        node.value = self.visit(node.value) if node.value else None
        return node

    def visit_arg(self, node: ast.arg) -> Any:
        return node

    def visit_Subscript(self, node: ast.Subscript) -> Any:
        node.value = self.visit(node.value)
        return node

    def visit_For(self, node: Any) -> Any:
        self.loops += 1
        self.generic_visit(node)
        self.loops -= 1
        return node

    visit_While = visit_AsyncFor = visit_For  # noqa: N815

    def visit_MatchValue(self, node: ast.MatchValue) -> Any:
        return node

    def visit_FunctionDef(self, node: Any) -> Any:
        returns, node.returns = node.returns, None
        loops, self.loops = self.loops, 0
        self.generic_visit(node)
        node.returns, self.loops = returns, loops
        return node

    visit_AsyncFunctionDef = visit_FunctionDef  # noqa: N815

    # What is looked at

    def visit_BinOp(self, node: ast.BinOp) -> Any:
        name = ARITHMETIC.get(type(node.op))
        if (
            name is None
            or self.loops > DEEPEST
            or (_number(node.left) and _number(node.right))
            or _text(node.left)
            or _text(node.right)
        ):
            return self.generic_visit(node)
        site, wide = self.site(), _widened(node.left) or _widened(node.right)
        node.left, left = self.operand(node.left, site, 0)
        node.right, right = self.operand(node.right, site, 1)
        return _call(SEEN, node, node, _of(name if not wide else "wide." + name), _of(site), left, right)

    def visit_Compare(self, node: ast.Compare) -> Any:
        name = COMPARISONS.get(type(node.ops[0])) if len(node.ops) == 1 else None
        sides = [node.left, *node.comparators]
        plain = any(isinstance(side, ast.Constant) or _widened(side) for side in sides)
        if name is None or self.loops > DEEPEST or plain:
            return self.generic_visit(node)
        site = self.site()
        node.left, left = self.operand(node.left, site, 0)
        node.comparators[0], right = self.operand(node.comparators[0], site, 1)
        return _call(SEEN, node, node, _of(name), _of(site), left, right)

    def visit_Call(self, node: ast.Call) -> Any:
        name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        if name == "astype" and isinstance(node.func, ast.Attribute):
            site, drawn = self.site(), _drawn(node.func.value)
            node.func.value, given = self.operand(node.func.value, site, 0)
            node.args, node.keywords = [self.visit(a) for a in node.args], [self.visit(k) for k in node.keywords]
            return _call(CAST, node, node, _of(drawn), _of(site), given)
        typed = (name in MAKERS and any(k.arg == "dtype" for k in node.keywords)) or name in WHOLE
        if typed and len(node.args) == 1 and not isinstance(node.args[0], ast.Starred | ast.Constant):
            site, drawn = self.site(), _drawn(node.args[0])
            node.args[0], given = self.operand(node.args[0], site, 0)
            return _call(CAST, node, node, _of(drawn), _of(site), given)
        if name in METRICS and len(node.args) > 1 and not any(isinstance(a, ast.Starred) for a in node.args[:2]):
            site = self.site()
            node.args[0], first = self.operand(node.args[0], site, 2)
            node.args[1], second = self.operand(node.args[1], site, 3)
            return _call(JUDGED, node, node, _of(name), _of(site), first, second)
        return self.generic_visit(node)

    def visit_Assign(self, node: ast.Assign) -> Any:
        self.generic_visit(node)
        target = node.targets[0]
        if len(node.targets) == 1 and isinstance(target, ast.Subscript) and isinstance(target.value, ast.Name):
            node.value = _call(STORED, node.value, node.value, _of(self.site()), _load(target.value))
        return node

    def visit_AugAssign(self, node: ast.AugAssign) -> Any:
        self.generic_visit(node)
        name = ARITHMETIC.get(type(node.op))
        if name and self.loops <= DEEPEST and isinstance(node.target, ast.Name):
            node.value = _call(CHANGED, node.value, node.value, _of(name), _of(self.site()), _load(node.target))
        return node

    def operand(self, node: ast.expr, site: int, side: int) -> tuple[ast.expr, ast.expr]:
        """An operand as it stands in the operation, and how the observer gets it."""
        if isinstance(node, ast.Name):
            return node, _load(node)
        if isinstance(node, ast.Constant):
            return node, _of(node.value)
        return _call(KEPT, node, self.visit(node), _of(site), _of(side)), _of(Ellipsis)


def _call(name: str, at: ast.AST, *arguments: ast.expr) -> ast.Call:
    made = ast.Call(ast.copy_location(ast.Name(name, ast.Load()), at), list(arguments), [])
    return ast.copy_location(made, at)


def _of(value: Any) -> ast.expr:
    return ast.Constant(value)


def _load(node: ast.Name) -> ast.expr:
    return ast.copy_location(ast.Name(node.id, ast.Load()), node)


def _number(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) or (isinstance(node, ast.UnaryOp) and isinstance(node.operand, ast.Constant))


def _text(node: ast.expr) -> bool:
    return isinstance(node, ast.JoinedStr | ast.List | ast.Tuple) or (
        isinstance(node, ast.Constant) and isinstance(node.value, str | bytes)
    )


def _widened(node: ast.expr) -> bool:
    """Whether an operand is given a dimension where it stands: it is to meet each of the others."""
    for inner in ast.walk(node):
        if isinstance(inner, ast.Subscript) and any((isinstance(i, ast.Constant) and i.value is None) or (
            isinstance(i, ast.Attribute) and i.attr == "newaxis") for i in ast.walk(inner.slice)):  # fmt: skip
            return True
        if isinstance(inner, ast.Attribute) and inner.attr in ("reshape", "expand_dims", "unsqueeze", "outer"):
            return True
    return False


DRAWS = frozenset({"random", "rand", "randn", "uniform", "normal", "standard_normal", "choice", "exponential", "beta"})


def _drawn(node: ast.expr) -> bool:
    """Whether what is cast is made of random numbers in the same expression: codes that are drawn, no data."""
    names = {inner.attr if isinstance(inner, ast.Attribute) else getattr(inner, "id", "") for inner in ast.walk(node)}
    return bool(names & DRAWS)


class Loader(importlib.machinery.SourceFileLoader):
    """Loads a module of the program's own with observers in it, and leaves no compiled file behind."""

    def get_code(self, fullname: str) -> types.CodeType:
        return rewritten(self.get_data(self.path), self.path)


class Finder:
    """Finds the program's own modules; everything else is left to Python."""

    def __init__(self, own: Any):
        self.own = own

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> Any:
        """As Python finds it, with a loader of ours where the file is the person's own."""
        if path is not None and not any(self.own(str(Path(folder) / "module.py")) for folder in path):
            return None  # a part of a library
        try:
            spec = importlib.machinery.PathFinder.find_spec(name, path, target)
        except Exception:
            return None
        if spec is None or spec.origin is None or type(spec.loader) is not importlib.machinery.SourceFileLoader:
            return None
        if not self.own(spec.origin):
            return None
        spec.loader = Loader(name, spec.origin)
        spec.cached = None
        return spec


def finding(own: Any) -> Finder:
    """Put a finder of ours before Python's; it is taken out with `sys.meta_path.remove`."""
    finder = Finder(own)
    sys.meta_path.insert(0, finder)
    return finder
