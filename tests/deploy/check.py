"""Checks that the files in deploy/ and the program speak of the same things.

    check.py target/debug/bronzed

The schemas of compose and Kubernetes know nothing of this program: a key of the configuration, an
argument, a route or a metric that was renamed would leave the files valid, and useless. So the program
itself is asked: `check` with the environment that each file gives it, and the arguments with --help.
"""

import json
import pathlib
import re
import subprocess
import sys
import tomllib

import yaml

ROOT = pathlib.Path(__file__).resolve().parents[2]
DEPLOY = ROOT / "deploy"
PROGRAM = pathlib.Path(sys.argv[1]).resolve()

problems = []


def say(file, problem):
    problems.append(f"{file.relative_to(ROOT)}: {problem}")


def ask(arguments, environment):
    """Runs the program with this environment alone, away from ./config."""
    return subprocess.run(
        [PROGRAM, *arguments], env=environment, cwd="/", capture_output=True, text=True, timeout=60
    )


def program_takes(file, environment, arguments):
    environment = {name: str(value) for name, value in environment.items()}
    checked = ask(["check"], environment)
    if checked.returncode != 0:
        say(file, f"`bronzed check` refuses its environment:\n{checked.stderr or checked.stdout}")
    # --help is answered before the values are read, and after the names are.
    told = ask([*arguments, "--help"], environment)
    if told.returncode != 0:
        say(file, f"`bronzed {' '.join(arguments)}`: {told.stderr}")


def interpolated(text):
    """${NAME:-default} as compose reads it where NAME isn't set."""
    return re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", str(text))


def image_settings():
    """What the Dockerfile sets: environment, arguments, and the health check's."""
    text = (ROOT / "Dockerfile").read_text().replace("\\\n", " ")
    final = text.rsplit("\nFROM ", 1)[1]
    environment = dict(re.findall(r"(\w+)=(\S+)", re.search(r"^ENV (.*)$", final, re.M)[1]))
    arguments = json.loads(re.search(r"^CMD (.*)$", final, re.M)[1])
    health = json.loads(re.search(r"^HEALTHCHECK .*? CMD (.*)$", final, re.M)[1])
    return environment, arguments, health[1:]


def dependency_layer():
    """Cargo refuses a manifest that names a target whose file isn't there."""
    manifest = tomllib.loads((ROOT / "Cargo.toml").read_text())
    files = {bench.get("path", f"benches/{bench['name']}.rs") for bench in manifest.get("bench", [])}
    files |= {test["path"] for test in manifest.get("test", [])}
    files |= {str(path.relative_to(ROOT)) for path in ROOT.glob("crates/*/Cargo.toml")}
    text = (ROOT / "Dockerfile").read_text()
    for name in sorted(files):
        if name not in text:
            say(ROOT / "Dockerfile", f"the layer of dependencies lacks {name}")
    # What is copied has to be sent to the builder.
    context = (ROOT / ".dockerignore").read_text().splitlines()
    for line in re.findall(r"^COPY (?!--)(.*) \S+$", text, re.M):
        for name in line.split():
            folders = [part.as_posix() for part in (pathlib.Path(name), *pathlib.Path(name).parents)]
            if not any(f"!{folder}" in context for folder in folders):
                say(ROOT / ".dockerignore", f"the context lacks {name}")


def compose(image):
    file = DEPLOY / "compose.yaml"
    service = yaml.safe_load(file.read_text())["services"]["bronzed"]
    environment = {name: interpolated(value) for name, value in service["environment"].items()}
    program_takes(file, image | environment, service.get("command", ["daemon"]))


def kubernetes(image):
    folder = DEPLOY / "kubernetes"
    parts = {path: yaml.safe_load(path.read_text()) for path in sorted(folder.glob("*.yaml"))}
    kinds = {document["kind"]: document for document in parts.values()}
    given = kinds["ConfigMap"]["data"] | kinds["Secret"]["stringData"]
    listed = {folder / name for name in kinds["Kustomization"]["resources"]}
    for path in listed - parts.keys():
        say(folder / "kustomization.yaml", f"there is no {path.name}")
    ports = {}
    for path, document in parts.items():
        if document["kind"] not in ("Deployment", "Job"):
            continue
        pod = document["spec"]["template"]["spec"]
        (container,) = pod["containers"]
        own = {entry["name"]: entry["value"] for entry in container.get("env", [])}
        environment = image | given | own
        if document["kind"] == "Job":
            environment["JOB_COMPLETION_INDEX"] = "0"
            if own["JOB_COMPLETION_COUNT"] != str(document["spec"]["completions"]):
                say(path, "JOB_COMPLETION_COUNT isn't spec.completions")
        program_takes(path, environment, container["args"])
        for port in container.get("ports", []):
            ports[port["name"]] = port["containerPort"]
        for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
            if probe in container:
                route(path, container[probe]["httpGet"]["path"])
    listen = given["BRONZED__SERVER__LISTEN"].rsplit(":", 1)[1]
    if str(ports.get("http")) != listen:
        say(folder / "deployment.yaml", f"port http is {ports.get('http')}, the daemon's {listen}")


def systemd():
    file = DEPLOY / "systemd" / "bronzed.service"
    lines = [line.split("=", 1) for line in file.read_text().splitlines() if "=" in line]
    environment = dict(value.split("=", 1) for key, value in lines if key == "Environment")
    (command,) = [value for key, value in lines if key == "ExecStart"]
    program_takes(file, environment, command.split()[1:])


def route(file, path):
    if f"`GET {path}`" not in (ROOT / "docs" / "operate" / "api.md").read_text():
        say(file, f"docs/operate/api.md has no route {path}")


def metrics():
    table = (ROOT / "docs" / "operate" / "metrics.md").read_text()
    known = set(re.findall(r"^\| `(bronzed_\w+)` \| (\w+)", table, re.M))
    names = {name for name, kind in known if kind != "histogram"}
    names |= {f"{name}_{part}" for name, kind in known if kind == "histogram" for part in ("bucket", "count", "sum")}
    for file in [DEPLOY / "prometheus" / "alerts.yml", DEPLOY / "grafana" / "dashboards" / "bronzed.json"]:
        used = set(re.findall(r"\bbronzed_\w+", file.read_text()))
        if not used:
            say(file, "names no metric")
        for name in sorted(used - names):
            say(file, f"docs/operate/metrics.md has no metric {name}")


image, arguments, health = image_settings()
program_takes(ROOT / "Dockerfile", image, arguments)
program_takes(ROOT / "Dockerfile", image, health)
dependency_layer()
compose(image)
kubernetes(image)
systemd()
metrics()
if problems:
    sys.exit("\n".join(problems))
print("deploy/ and the program speak of the same things")
