"""Finds places where the order of a set can reach a result: it differs from one PYTHONHASHSEED to the next."""

import ast
from collections.abc import Iterator

_SET_TYPES = {"set", "frozenset", "Set", "AbstractSet", "MutableSet"}
_SET_METHODS = {"union", "intersection", "difference", "symmetric_difference"}
_ORDER_TAKEN = {"list", "tuple", "enumerate", "iter", "zip", "map", "filter", "sum", "reversed", "deque"}
_ORDER_FORGOTTEN = {"sorted", "set", "frozenset", "len", "any", "all", "min", "max", "Counter"}


def set_iterations(tree: ast.Module) -> list[int]:
    """Lines that iterate over a set literal, a ``set()`` call, or a name the same function binds or declares as a set.

    Consumers that forget the order again (``sorted``, ``any``, ``len``, another set, ...) are fine. ``sum`` is not: the
    sum of floats depends on their order.
    """
    found: set[int] = set()
    _visit_scope(tree, {}, _set_attributes(tree), found)
    return sorted(found)


def _visit_scope(scope: ast.AST, outer: dict[str, bool], attributes: set[str], found: set[int]) -> None:
    names = outer | _bindings(scope, outer, attributes)
    forgotten: set[ast.AST] = set()
    for node in _own_nodes(scope):
        match node:
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.Lambda() | ast.ClassDef():
                _visit_scope(node, names, attributes, found)
            case ast.Call(func=ast.Name(id=name)) if name in _ORDER_FORGOTTEN:
                forgotten.update(node.args)
            case ast.SetComp():
                forgotten.add(node)
    for node in _own_nodes(scope):
        for iterated in _iterated(node, forgotten):
            if _is_set(iterated, names, attributes):
                found.add(iterated.lineno)


def _own_nodes(scope: ast.AST) -> Iterator[ast.AST]:
    """The nodes of a scope without those inside the functions and classes it contains, which are yielded themselves."""
    for child in ast.iter_child_nodes(scope):
        yield child
        if not isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda | ast.ClassDef):
            yield from _own_nodes(child)


def _iterated(node: ast.AST, forgotten: set[ast.AST]) -> list[ast.expr]:
    match node:
        case ast.For() | ast.AsyncFor():
            return [node.iter]
        case ast.ListComp() | ast.GeneratorExp() | ast.DictComp() if node not in forgotten:
            return [generator.iter for generator in node.generators]
        case ast.Call(func=ast.Name(id=name)) if name in _ORDER_TAKEN and node not in forgotten:
            return list(node.args)
        case ast.Call(func=ast.Attribute(attr="join" | "extend" | "fromkeys")):
            return list(node.args)
        case ast.Starred() | ast.YieldFrom():
            return [node.value]
        case _:
            return []


def _is_set(node: ast.expr | None, names: dict[str, bool], attributes: set[str]) -> bool:
    match node:
        case ast.Set() | ast.SetComp():
            return True
        case ast.Call(func=ast.Name(id="set" | "frozenset")):
            return True
        case ast.Call(func=ast.Attribute(value=value, attr=attr)) if attr in _SET_METHODS:
            return _is_set(value, names, attributes)
        case ast.BinOp(left=left, op=ast.BitOr() | ast.BitAnd() | ast.Sub() | ast.BitXor(), right=right):
            return any(_is_set(side, names, attributes) or _is_keys(side) for side in (left, right))
        case ast.IfExp():
            return _is_set(node.body, names, attributes) or _is_set(node.orelse, names, attributes)
        case ast.Name(id=name):
            return names.get(name, False)
        case ast.Attribute(attr=attr):
            return attr in attributes
        case _:
            return False


def _is_keys(node: ast.expr) -> bool:
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "keys"


def _bindings(scope: ast.AST, outer: dict[str, bool], attributes: set[str]) -> dict[str, bool]:
    """Names that the scope binds, with whether they hold a set; parameters hide the names outside."""
    names: dict[str, bool] = {}
    if isinstance(scope, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
        arguments = scope.args
        for argument in [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]:
            names[argument.arg] = _is_set_annotation(argument.annotation)
    for node in _own_nodes(scope):
        match node:
            case (
                ast.Assign(targets=[ast.Name(id=name)], value=value)
                | ast.NamedExpr(target=ast.Name(id=name), value=value)
            ):
                names[name] = names.get(name, False) or _is_set(value, outer | names, attributes)
            case ast.AnnAssign(target=ast.Name(id=name), annotation=annotation):
                names[name] = _is_set_annotation(annotation)
            case ast.For(target=ast.Name(id=name)):
                names.setdefault(name, False)
            case _:
                continue
    return names


def _set_attributes(tree: ast.Module) -> set[str]:
    """Fields that every class of the module which declares them declares as a set."""
    declared: dict[str, bool] = {}
    for node in ast.walk(tree):
        match node:
            case ast.ClassDef(body=body):
                for statement in body:
                    match statement:
                        case ast.AnnAssign(target=ast.Name(id=name), annotation=annotation):
                            declared[name] = declared.get(name, True) and _is_set_annotation(annotation)
            case ast.AnnAssign(target=ast.Attribute(value=ast.Name(id="self"), attr=name), annotation=annotation):
                declared[name] = declared.get(name, True) and _is_set_annotation(annotation)
            case ast.Assign(targets=[ast.Attribute(value=ast.Name(id="self"), attr=name)], value=value):
                declared[name] = declared.get(name, True) and _is_set(value, {}, set())
            case _:
                continue
    return {name for name, is_set in declared.items() if is_set}


def _is_set_annotation(annotation: ast.expr | None) -> bool:
    match annotation:
        case ast.Subscript(value=value):
            return _is_set_annotation(value)
        case ast.BinOp(left=left, op=ast.BitOr(), right=right):
            return _is_set_annotation(left) or _is_set_annotation(right)
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name in _SET_TYPES
        case _:
            return False
