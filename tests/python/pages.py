"""Runs what a page shows, word for word: its blocks of sh, sql and python, in order, in the working directory.

    pages.py PAGE

Prints [{"kind": "sql", "rows": 5}, ...]; `rows` is null where a block returns none. Fails with the block that failed.
"""

import contextlib
import io
import json
import pathlib
import re
import subprocess
import sys
import traceback

import duckdb

BLOCK = re.compile(r"^```(sh|sql|python)\n(.*?)^```", re.M | re.S)


def main():
    page = pathlib.Path(sys.argv[1])
    told = []
    for kind, text in BLOCK.findall(page.read_text(encoding="utf-8")):
        try:
            told.append({"kind": kind, "rows": RUN[kind](text)})
        except Exception:
            sys.exit(f"{page.name}: this {kind} fails\n{text}\n{traceback.format_exc()}")
    print(json.dumps(told))


def shell(text):
    done = subprocess.run(["bash", "-euo", "pipefail", "-c", text], capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"exit code {done.returncode}\n{done.stdout}\n{done.stderr}")


def query(text):
    # Without the views where the page has made none: then queries name files.
    database = "lake.duckdb" if pathlib.Path("lake.duckdb").exists() else ":memory:"
    with duckdb.connect(database, read_only=database != ":memory:") as connection:
        answer = connection.sql(text)
        # COPY answers with a count in some versions.
        return None if answer is None or text.startswith("COPY") else len(answer.to_arrow_table())


def python(text):
    with contextlib.redirect_stdout(io.StringIO()):
        exec(compile(text, "block", "exec"), {})


RUN = {"sh": shell, "sql": query, "python": python}

if __name__ == "__main__":
    main()
