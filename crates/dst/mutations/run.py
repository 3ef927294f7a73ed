#!/usr/bin/env python3
"""Plays deliberate faults: applies a patch to a copy of the tree, builds the test that must find the fault, and
expects it to fail.

    run.py --check                all patches apply, and their tests exist; builds nothing
    run.py NAME ...               plays these patches (a name, or a path to a patch)
    run.py --share today/14       plays the part of all patches whose turn it is on this day of the year
    run.py --share 3/14           plays the third of 14 parts
    run.py --all                  plays all

A patch is a unified diff with a header: a sentence that names the fault, an empty line, and these fields:

    Package: bronzed-dst          whose unit tests hold the proof
    Test: simulation::schedules…  its full name
    Schedules: 3000               SIMULATION_SCHEDULES: random schedules within which the fault must be found
    Features: tables              features of the package that the test needs
    Harmless: REASON              instead of a fault to be found: the proof must pass in spite of it

Each test must pass without a patch first. The copy is target/mutations/tree, its target folder target/mutations/build;
MUTATIONS_TARGET_DIR names another one, which has the dependencies already. Exit status: 0 if all faults are found and the harmless ones aren't, 1
otherwise, 2 for wrong arguments.
"""

import argparse
import dataclasses
import datetime
import json
import os
import pathlib
import re
import subprocess
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[2]
WORK = ROOT / "target" / "mutations"
TREE = WORK / "tree"
# Order in which crates are rebuilt: patches of the same crate are played after one another.
PRODUCT = ["crates/storage/src/", "crates/source/src/", "crates/engine/src/", "crates/tables/src/"]
# Seconds after which a test that doesn't end is stopped.
LONGEST = 1800
FEATURES = {"bronzed-dst": ["--no-default-features"]}


class Refused(Exception):
    """A patch that can't be played."""


@dataclasses.dataclass(frozen=True)
class Proof:
    """A test, and the number of random schedules that it may take."""

    package: str
    test: str
    schedules: int
    features: str


@dataclasses.dataclass(frozen=True)
class Patch:
    path: pathlib.Path
    fault: str
    proof: Proof
    harmless: str
    files: tuple

    @property
    def name(self):
        return self.path.stem

    @property
    def order(self):
        crates = [number for number, folder in enumerate(PRODUCT) for file in self.files if file.startswith(folder)]
        return (min(crates, default=0), self.name)


def read_patch(path):
    head, _, diff = path.read_text().partition("\n--- ")
    fault, _, rest = head.partition("\n\n")
    fields = dict(re.findall(r"^(\w+): (.+)$", rest, re.MULTILINE))
    unknown = set(fields) - {"Package", "Test", "Schedules", "Features", "Harmless"}
    if unknown or not fault.strip() or not {"Package", "Test"} <= set(fields):
        raise Refused(f"its header isn't as described in {pathlib.Path(__file__).name}: {sorted(fields)}")
    files = tuple(re.findall(r"^\+\+\+ b/(\S+)", f"\n--- {diff}", re.MULTILINE))
    if not files:
        raise Refused("it changes no file")
    return Patch(
        path=path,
        fault=" ".join(fault.split()),
        proof=Proof(fields["Package"], fields["Test"], int(fields.get("Schedules", 0)), fields.get("Features", "")),
        harmless=fields.get("Harmless", ""),
        files=files,
    )


def git(folder, *arguments):
    """Runs git in `folder`, as if no repository were around it: a copy below `target` is none."""
    environment = {**os.environ, "GIT_CEILING_DIRECTORIES": str(folder.parent)}
    return subprocess.run(["git", *arguments], cwd=folder, env=environment, capture_output=True, text=True)


def apply(patch, folder, *options):
    done = git(folder, "apply", *options, str(patch.path))
    if done.returncode:
        raise Refused(f"it no longer applies: {done.stderr.strip()}")


def check(patch):
    """Checks without building that a patch applies, that it changes product code, and that its test is there."""
    outside = [file for file in patch.files if not file.startswith(tuple(PRODUCT)) or "/tests" in file]
    if outside and patch.path.parent == HERE:
        raise Refused(f"it changes what isn't product code: {outside}")
    apply(patch, ROOT, "--check")
    function = patch.proof.test.rpartition("::")[2]
    folder = ROOT / "crates" / patch.proof.package.removeprefix("bronzed-")
    if not any(f"fn {function}(" in file.read_text() for file in folder.rglob("*.rs")):
        raise Refused(f"{patch.proof.package} has no test {patch.proof.test}")


def copy_tree():
    """Makes the copy equal to this tree; files that are equal stay, with their times, for incremental builds."""
    listed = git(ROOT, "ls-files", "--cached", "--others", "--exclude-standard", "-z").stdout.split("\0")
    wanted = {name for name in listed if name and (ROOT / name).is_file()}
    if not wanted:
        sys.exit("no files: is this a git repository?")
    for file in [path for path in TREE.rglob("*") if path.is_file()]:
        if str(file.relative_to(TREE)) not in wanted:
            file.unlink()
    for name in wanted:
        contents, target = contents_of(name), TREE / name
        if not target.is_file() or contents != target.read_bytes():
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(contents)


def contents_of(name):
    """Returns a file as the copy has it: its crates are of another version, so that in a target folder that both trees use, a crate with a
    fault never stands in for the one without. Cargo tells them apart by name and version, not by their folder."""
    contents = (ROOT / name).read_bytes()
    if name == "Cargo.toml":
        return re.sub(rb'(?m)^version = "([^"+]+)"$', rb'version = "\1+faults"', contents, count=1)
    if name == "Cargo.lock":
        return re.sub(rb'(name = "bronzed[^"]*"\nversion = "[^"+]+)"', rb'\1+faults"', contents)
    return contents


def build(package, features):
    """Builds the unit tests of a package in the copy, with these features; returns their program."""
    command = [os.environ.get("CARGO", "cargo"), "test", "--locked", "--package", package, "--lib", "--no-run", "--message-format=json"]
    environment = {**os.environ, "CARGO_TARGET_DIR": os.path.abspath(os.environ.get("MUTATIONS_TARGET_DIR", WORK / "build"))}
    command += FEATURES.get(package, [])
    command += ["--features", features] if features else []
    done = subprocess.run(command, cwd=TREE, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    messages = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    if done.returncode:
        errors = [message["message"]["rendered"] for message in messages if message.get("message", {}).get("level") == "error"]
        raise Refused("it doesn't compile:\n" + (errors[0] if errors else done.stderr))
    programs = [message["executable"] for message in messages if message.get("executable")]
    if len(programs) != 1:
        raise Refused(f"{package} has {len(programs)} programs of unit tests, not one")
    return programs[0]


def prove(proof):
    """Builds and runs a test in the copy. Returns `None` if it passes, and what it says if it fails."""
    program = build(proof.package, proof.features)
    environment = dict(os.environ)
    if proof.schedules:
        environment["SIMULATION_SCHEDULES"] = str(proof.schedules)
    folder = TREE / "crates" / proof.package.removeprefix("bronzed-")
    command = [program, "--exact", "--include-ignored", proof.test]
    try:
        done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=LONGEST)
    except subprocess.TimeoutExpired as late:
        raise Refused(f"its test doesn't end within {LONGEST} s") from late
    if "\nrunning 1 test\n" not in done.stdout:
        raise Refused(f"{proof.package} has no test {proof.test}")
    if done.returncode == 0:
        return None
    if "test result: FAILED. 0 passed; 1 failed" not in done.stdout:
        raise Refused(f"its test neither passes nor fails, but ends with {done.returncode}:\n{done.stderr[-2000:]}")
    told = re.search(r"panicked at [^\n]*\n([^\n]+)", done.stdout[done.stdout.index("failures:"):])
    return told.group(1) if told else "failed"


def verdict(patch, failure):
    """Returns the outcome of a patch, and if it is as it must be."""
    if failure is None:
        return (f"harmless: {patch.harmless}", True) if patch.harmless else ("SURVIVED", False)
    return (f"FOUND, though it is said to be harmless: {failure}", False) if patch.harmless else (f"found: {failure}", True)


def play(patch):
    try:
        apply(patch, TREE)
        try:
            return verdict(patch, prove(patch.proof))
        finally:
            apply(patch, TREE, "--reverse")
    except Refused as refused:
        return f"NOT PLAYED: {refused}", False


def play_all(patches):
    """Plays the patches; returns the number of those that aren't as they must be."""
    copy_tree()
    begun = time.monotonic()
    most = {}
    for proof in (patch.proof for patch in patches):
        same = (proof.package, proof.test, proof.features)
        most[same] = max(most.get(same, 0), proof.schedules)
    for (package, test, features), schedules in most.items():
        failure = prove(Proof(package, test, schedules, features))
        if failure is not None:
            raise Refused(f"{test} fails without any patch: {failure}")
        print(f"passes without a patch ({time.monotonic() - begun:.0f} s): {test}, {schedules} schedules", flush=True)
    rows, wrong = [], 0
    for patch in patches:
        begun = time.monotonic()
        told, right = play(patch)
        wrong += not right
        rows.append((patch.name, f"{time.monotonic() - begun:.0f} s", told))
        print(f"{rows[-1][0]:<26} {rows[-1][1]:>6}  {told}", flush=True)
    print(f"\n{len(patches)} played, {wrong} not as they must be")
    for name, _, told in rows:
        if told.startswith(("SURVIVED", "NOT PLAYED", "FOUND")):
            print(f"  {name}: {told.splitlines()[0]}")
    return wrong


def share(text):
    """Reads `K/N` as the K-th of N parts, from 0; K may be `today`, which turns with the day of the year."""
    match = re.fullmatch(r"(today|\d+)/([1-9]\d*)", text)
    if not match:
        raise argparse.ArgumentTypeError("expected K/N, or today/N")
    parts = int(match[2])
    part = datetime.date.today().timetuple().tm_yday % parts if match[1] == "today" else int(match[1]) - 1
    if not 0 <= part < parts:
        raise argparse.ArgumentTypeError(f"K is 1 to {parts}")
    return part, parts


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME", help="a patch, by its name or path")
    parser.add_argument("--check", action="store_true", help="only check that all patches apply")
    parser.add_argument("--share", metavar="K/N", type=share, help="play a part of all patches")
    parser.add_argument("--all", action="store_true", help="play all patches")
    asked = parser.parse_args()
    if sum([bool(asked.names), asked.check, bool(asked.share), asked.all]) != 1:
        parser.error("give names, or one of --check, --share and --all")
    paths = sorted(HERE.glob("*.patch"))
    if asked.names:
        paths = [path if (path := pathlib.Path(name).resolve()).is_file() else HERE / f"{name}.patch" for name in asked.names]
    patches, wrong = [], []
    for path in paths:
        try:
            patches.append(read_patch(path))
            check(patches[-1])
        except (Refused, OSError) as refused:
            wrong.append(f"{path.name}: {refused}")
    if wrong:
        sys.exit("\n".join(wrong))
    patches.sort(key=lambda patch: patch.order)
    if asked.check:
        print(f"{len(patches)} patches apply")
        return
    if asked.share:
        part, parts = asked.share
        patches = patches[len(patches) * part // parts : len(patches) * (part + 1) // parts]
    try:
        sys.exit(1 if play_all(patches) else 0)
    except Refused as refused:
        sys.exit(str(refused))


if __name__ == "__main__":
    main()
