"""Runs what a page for readers shows, in order and in the working directory, as far as its packages are here.

    query.py PAGE KIND...   [{"kind": "python", "ran": true}, ...]

A block of Python runs if all that it imports is here. A block of SQL runs in DuckDB with its extension for Delta tables.
Fails with the block that failed.
"""

import ast
import importlib.util
import json
import pathlib
import subprocess
import sys
import traceback

import pages


def is_here(text):
    for node in ast.walk(ast.parse(text)):
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        names += [node.module] if isinstance(node, ast.ImportFrom) else []
        if any(importlib.util.find_spec(name.partition(".")[0]) is None for name in names):
            return False
    # Polars needs a second package for Delta tables.
    return "scan_delta" not in text or importlib.util.find_spec("deltalake") is not None


def python(text):
    if not is_here(text):
        return False
    # In a process of its own: the packages' threads, all in one, abort it now and then when it ends.
    done = subprocess.run([sys.executable, "-c", text], capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"exit code {done.returncode}\n{done.stdout}\n{done.stderr}")
    return bool(done.stdout.strip())


def sql(text):
    import delta

    # The extension is a package here, and isn't fetched.
    rows = delta.database().execute(text.replace("INSTALL delta; LOAD delta;", "")).fetchall()
    return len(rows) > 0


def sh(text):
    pages.shell(text)
    return True


def main():
    page, *kinds = sys.argv[1:]
    told, run = [], {"python": python, "sql": sql, "sh": sh}
    for kind, text in pages.BLOCK.findall(pathlib.Path(page).read_text(encoding="utf-8")):
        if kind not in kinds:
            continue
        try:
            told.append({"kind": kind, "ran": run[kind](text)})
        except Exception:
            sys.exit(f"{page}: this {kind} fails\n{text}\n{traceback.format_exc()}")
    print(json.dumps(told))


if __name__ == "__main__":
    main()
