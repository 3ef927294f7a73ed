#!/usr/bin/env python3
"""Measures how the source reads: lines of product, tests and simulator, circles of imports, comments that begin with a
question word, type names used twice, and the lengths of files and functions.

    benches/source_metrics.py            the working tree
    benches/source_metrics.py PATH ...   other trees, side by side

Counted are lines as they stand, blank ones and comments included. Test code is what `#[cfg(test)]` (or `#[cfg(any(test, …))]`) leaves
out of the program: inline modules by their braces, and the files of modules declared so.
"""

import re
import statistics
import sys
from collections import Counter, defaultdict
from pathlib import Path

TEST = re.compile(r"#\[cfg\((?:test|any\(test\b[^\]]*)\)?\)\]")
MODULE = re.compile(r"(?:pub(?:\([^)]*\))?\s+)?mod\s+(\w+)\s*(;|\{)")
FUNCTION = re.compile(r"^\s*(?:pub(?:\([^)]*\))?\s+)?(?:const\s+)?(?:async\s+)?fn\s+\w+")
TYPE = re.compile(r"^\s*(?:pub(?:\([^)]*\))?\s+)?(?:struct|enum|trait|type)\s+(\w+)")
QUESTION = re.compile(r"^\s*//[/!]\s+(?:What|Whether|How|Who|Whom|Whose|Why|When|Where|Which)\b")
DOC = re.compile(r"^\s*//[/!]\s*\S")
SIMULATOR = ("simulator",)
WORKSHOP = ("simulation", "fuzz", "mutation", "failpoint")


def block_end(lines, start):
    """The line on which the block that opens on `start` or later ends; strings and comments are taken as they come."""
    depth, opened = 0, False
    for number in range(start, len(lines)):
        code = re.sub(r'"(?:\\.|[^"\\])*"|\'(?:\\.|[^\'\\])\'|//.*', "", lines[number])
        depth += code.count("{") - code.count("}")
        opened |= "{" in code
        if opened and depth <= 0:
            return number
    return len(lines) - 1


def split(path):
    """The product lines and the test lines of a file, and the modules that are declared for tests."""
    lines = path.read_text(encoding="utf-8").splitlines()
    product, tests, modules = [], [], set()
    number = 0
    while number < len(lines):
        if not TEST.search(lines[number]):
            product.append(lines[number])
            number += 1
            continue
        end = number + 1
        while end < len(lines) and lines[end].lstrip().startswith("#["):
            end += 1
        declared = MODULE.search(lines[end]) if end < len(lines) else None
        if declared and declared[2] == ";":
            modules.add(declared[1])
        elif end < len(lines) and "{" in "".join(lines[end : end + 8]):
            end = block_end(lines, end)
        tests.extend(lines[number : end + 1])
        number = end + 1
    return product, tests, modules


def module_files(path, name):
    folder = path.parent if path.name in ("mod.rs", "lib.rs", "main.rs") else path.with_suffix("")
    for file in (folder / f"{name}.rs", folder / name / "mod.rs"):
        if file.exists():
            yield file
            yield from (folder / name).rglob("*.rs") if (folder / name).is_dir() else ()


def circles(graph):
    """The strongly connected components of more than one module (Tarjan)."""
    index, low, stack, on, found = {}, {}, [], set(), []

    def visit(node):
        index[node] = low[node] = len(index)
        stack.append(node)
        on.add(node)
        for other in graph[node]:
            if other not in index:
                visit(other)
                low[node] = min(low[node], low[other])
            elif other in on:
                low[node] = min(low[node], index[other])
        if low[node] == index[node]:
            component = []
            while True:
                other = stack.pop()
                on.discard(other)
                component.append(other)
                if other == node:
                    break
            if len(component) > 1:
                found.append(sorted(component))

    for node in list(graph):
        if node not in index:
            visit(node)
    return sorted(found, key=len, reverse=True)


def roots(tree):
    """The source folders: of the root package, and of the crates of a workspace."""
    crates = sorted((tree / "crates").glob("*/src")) if (tree / "crates").is_dir() else []
    return [tree / "src", *crates]


def measure(tree):
    files = [file for root in roots(tree) for file in sorted(root.rglob("*.rs"))]
    parts = {file: split(file) for file in files}
    for_tests = set()
    for file, (_, _, modules) in parts.items():
        for name in modules:
            for_tests.update(module_files(file, name))
    lines, graph = Counter(), defaultdict(set)
    types, lengths, functions = defaultdict(set), [], []
    docs = questions = mutated = failpoints = 0
    for file, (product, tests, _) in parts.items():
        root = next(root for root in roots(tree) if root in file.parents)
        top = file.relative_to(root).parts[0].removesuffix(".rs")
        lines["tests"] += len(tests)
        if file in for_tests:
            lines["tests"] += len(product)
            continue
        if top in SIMULATOR or root.parent.name.endswith("simulator"):
            lines["simulator"] += len(product)
            continue
        if top in WORKSHOP or root.parent.name.endswith("dst"):
            lines["workshop"] += len(product)
            continue
        lines["product"] += len(product)
        lengths.append(len(product))
        text = "\n".join(line for line in product if not line.lstrip().startswith("//"))
        mutated += text.count("mutated!(")
        failpoints += text.count("failpoint!(")
        crate = "" if root == tree / "src" else root.parent.name
        node = f"{crate}::{top}"
        graph[node].update({f"{crate}::{name}" for name in re.findall(r"\bcrate::(\w+)", text)} - {node})
        graph[node].update(f"{other}::{name}" for other, name in re.findall(r"\bbronzed_(\w+)::(\w+)", text))
        for number, line in enumerate(product):
            docs += bool(DOC.match(line))
            questions += bool(QUESTION.match(line))
            if name := TYPE.match(line):
                types[name[1]].add(file)
            if FUNCTION.match(line) and not line.rstrip().endswith(";"):
                functions.append(block_end(product, number) - number + 1)
    known = set(graph)
    graph = {node: {other for other in others if other in known} for node, others in graph.items() if not node.endswith(("::lib", "::main"))}
    graph = defaultdict(set, {node: others & set(graph) for node, others in graph.items()})
    largest = circles(graph)
    first = [line for file in files if file not in for_tests for line in first_doc_lines(parts[file][0])]
    asked = sum(bool(QUESTION.match(line)) for line in first)
    twice = sorted(name for name, where in types.items() if len(where) > 1)
    return {
        "product lines": lines["product"],
        "test lines in src": lines["tests"],
        "simulator lines": lines["simulator"],
        "simulation, fuzz, faults": lines["workshop"],
        "tests/it lines": sum(len(file.read_text().splitlines()) for file in (tree / "tests").rglob("*.rs")),
        "modules at the top": len(graph),
        "largest circle": len(largest[0]) if largest else 0,
        "doc comments beginning with a question word": f"{100 * asked / max(len(first), 1):.1f} %",
        "type names in two files or more": len(twice),
        "file, median / max": f"{statistics.median(lengths):.0f} / {max(lengths)}",
        "function, median / max": f"{statistics.median(functions):.0f} / {max(functions)}",
        "mutated! / failpoint! in product": f"{mutated} / {failpoints}",
        "tracked files": len(list(tracked(tree))),
        "the circle": ", ".join(largest[0]) if largest else "",
        "the names": ", ".join(twice[:12]),
    }


def first_doc_lines(lines):
    """The line with which each doc comment begins."""
    before = ""
    for line in lines:
        if DOC.match(line) and not before.lstrip().startswith(("///", "//!")):
            yield line
        before = line


def tracked(tree):
    skipped = {"target", ".git"}
    return (file for file in tree.rglob("*") if file.is_file() and not skipped & set(file.relative_to(tree).parts[:1]))


def main():
    trees = [Path(path).resolve() for path in sys.argv[1:]] or [Path(__file__).resolve().parent.parent]
    columns = [measure(tree) for tree in trees]
    for key in columns[0]:
        print(f"{key:<46}" + "".join(f"{column[key]!s:>12}  " for column in columns))


main()
