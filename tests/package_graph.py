"""The imports between packages, drawn as CONTRIBUTING.md shows them.

python -m tests.package_graph    # prints the drawing; a test holds CONTRIBUTING.md to it
"""

import grimp

ROOTS = ("spotimes", "stages", "app")


def imports() -> dict[str, set[str]]:
    """By package, or module directly in spotimes/, the others that it imports."""
    graph = grimp.build_graph(*ROOTS)
    found: dict[str, set[str]] = {}
    for importer in graph.modules:
        if (name := _package(importer)) is not None:
            imported = map(_package, graph.find_modules_directly_imported_by(importer))
            found.setdefault(name, set()).update(other for other in imported if other is not None)
    return {name: others - {name} for name, others in found.items()}


def drawn() -> str:
    """A Mermaid flowchart: an arrow for each import that a longer way does not imply."""
    direct = imports()
    arrows = []
    for name in sorted(direct):
        implied = set().union(*(_reached(other, direct) for other in direct[name]))
        arrows += [f"  {name} --> {other}" for other in sorted(direct[name] - implied)]
    return "\n".join(["flowchart TD", *arrows])


def _package(module: str) -> str | None:
    root, _, rest = module.partition(".")
    if root != "spotimes":
        return root
    return rest.partition(".")[0] or None


def _reached(name: str, direct: dict[str, set[str]]) -> set[str]:
    found: set[str] = set()
    waiting = [name]
    while waiting:
        new = direct[waiting.pop()] - found
        found |= new
        waiting += new
    return found


if __name__ == "__main__":
    print(drawn())
