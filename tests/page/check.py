"""Looks at the status page in a real browser, over a lake of 400 days of 30 datasets.

    check.py PROGRAM CHROMIUM AXE FOLDER

PROGRAM is `bronzed` with its simulator, CHROMIUM a browser, AXE the file axe.min.js; screenshots and the lake go to
FOLDER. The lake has failures, holes and an outage; PNCP and the TCU answer slowly, Compras.gov.br not at all,
and a backfill is under way. What is shown: no errors in the console, nothing serious by axe, all pages by the
keyboard alone and without a script, in both languages, within the limits of weight and time.
"""

import contextlib
import json
import os
import pathlib
import re
import socket
import subprocess
import sys
import time
import urllib.request
import uuid

from playwright.sync_api import sync_playwright

import lake

PROGRAM, CHROMIUM, AXE, FOLDER = (pathlib.Path(path).resolve() for path in sys.argv[1:5])
TOKEN = "correct horse"
# Kilobytes of a page with all that it loads; milliseconds up to its first paint on loopback, which are only printed.
HEAVIEST, SLOWEST = 150, 200
# Openings of the front page in a row, and the seconds that they should take: a thousand a minute, with room.
OPENINGS, WITHIN = 250, 10

OFF = {
    "comprasnet": ("contratos", "contratos_itens", "fornecedores"),
    "pncp": ("arquivos", "itens", "resultados", "pca"),
    "tcu": ("pedidos_congresso",),
}

problems = []


def hold(what, is_so, otherwise=""):
    print(f"{'ok  ' if is_so else 'FAIL'} {what}{'' if is_so else f': {otherwise}'}", flush=True)
    if not is_so:
        problems.append(what)


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def environment(api, port, folder):
    env = dict(os.environ)
    env["BRONZED__LAKE__URL"] = str(folder / "lake")
    env["BRONZED__SERVER__LISTEN"] = f"127.0.0.1:{port}"
    env["BRONZED__SERVER__TOKEN"] = TOKEN
    env["BRONZED__SOURCES__PNCP__BASE_URL"] = f"http://127.0.0.1:{api}/api"
    env["BRONZED__SOURCES__TCU__BASE_URL"] = f"http://127.0.0.1:{api}/tcu"
    env["BRONZED__SOURCES__TCU__DATASET__ACORDAOS__BASE_URL"] = f"http://127.0.0.1:{api}/tcu"
    env["BRONZED__SOURCES__COMPRASNET__BASE_URL"] = "http://127.0.0.1:9/"
    for source, names in OFF.items():
        for name in names:
            env[f"BRONZED__SOURCES__{source.upper()}__DATASET__{name.upper()}__ENABLED"] = "true"
    return env


@contextlib.contextmanager
def running(arguments, log, env=None):
    with open(log, "wb") as output:
        process = subprocess.Popen([PROGRAM, *arguments], env=env, cwd=FOLDER, stdout=output, stderr=output)
    try:
        yield process
    finally:
        process.terminate()
        process.wait(timeout=60)


def wait_for(url, accept=lambda text: True):
    for _ in range(600):
        with contextlib.suppress(OSError):
            text = urllib.request.urlopen(url, timeout=20).read().decode()
            if accept(text):
                return text
        time.sleep(0.2)
    raise SystemExit(f"{url} doesn't answer as it should")


def know_everything(text):
    kinds = [concern["kind"] for concern in json.loads(text)["concerns"]]
    return "lake_not_read" not in kinds and "api_down" in kinds


class Eyes:
    """A browser that notes what goes wrong in it."""

    def __init__(self, browser, base):
        self.browser, self.base = browser, base

    @contextlib.contextmanager
    def open(self, name, path, width=1400, height=900, lang="en-GB", dark=False, script=True, token=False):
        context = self.browser.new_context(
            viewport={"width": width, "height": height}, locale=lang, java_script_enabled=script,
            color_scheme="dark" if dark else "light")
        page = context.new_page()
        said, bytes_loaded = [], []
        expected = "status of 404" if path == "/nowhere" else None
        page.on("console", lambda message: said.append(f"{message.type}: {message.text}")
                if message.type in ("error", "warning") and not (expected and expected in message.text) else None)
        page.on("pageerror", lambda error: said.append(str(error)))
        page.on("request", lambda request: said.append(f"elsewhere: {request.url}")
                if not request.url.startswith(self.base) else None)
        page.on("response", lambda answer: self.weigh(answer, bytes_loaded))
        if token:
            self.log_in(page)
        page.goto(self.base + path, wait_until="networkidle")
        yield page
        page.wait_for_timeout(150)
        page.screenshot(path=FOLDER / f"{name}.png", full_page=height != 1080)
        hold(f"{name}: nothing is wrong in the console", not said, said)
        if bytes_loaded:
            weight = sum(bytes_loaded) / 1000
            hold(f"{name}: {weight:.0f} kB are at most {HEAVIEST}", weight <= HEAVIEST)
        fits = page.evaluate("document.documentElement.scrollWidth <= innerWidth") if script else True
        hold(f"{name}: nothing stands out to the side", fits)
        context.close()

    @staticmethod
    def weigh(answer, bytes_loaded):
        if answer.request.is_navigation_request():
            bytes_loaded.clear()
        if answer.status == 200 and "/parts/" not in answer.url:
            bytes_loaded.append(int(answer.headers["content-length"]))

    def log_in(self, page):
        page.goto(f"{self.base}/login")
        page.wait_for_selector("#token:focus")
        page.keyboard.type(TOKEN)
        page.keyboard.press("Enter")
        page.wait_for_url(f"{self.base}/")


def axe(name, page):
    """Judges a page by the rules of WCAG 2.2, levels A and AA, and of good practice."""
    page.evaluate(AXE.read_text())
    found = page.evaluate("axe.run({resultTypes: ['violations']})")["violations"]
    serious = [f"{one['id']}: {one['nodes'][0]['html'][:160]}" for one in found
               if one["impact"] in ("serious", "critical")]
    hold(f"{name}: axe finds nothing serious", not serious, serious)


def first_paint(page):
    return page.evaluate("""new Promise(done => new PerformanceObserver(list => {
        const [paint] = list.getEntriesByName('first-contentful-paint');
        if (paint) done(paint.startTime);
    }).observe({type: 'paint', buffered: true}))""")


def pages(eyes, failed_day):
    history = json.loads(urllib.request.urlopen(f"{eyes.base}/api/v1/history").read())["runs"]
    # One of this daemon's, whose requests are kept, with as much trouble as there is.
    own = [run for run in history if run["requests"] and uuid.UUID(run["run_id"]).version == 7]
    run = max(own, key=lambda run: run["retries"])
    run = f"/dataset/{run['source']}/{run['dataset']}/{run['day']}/{run['run_id']}"
    shown = [
        ("front", "/", {}), ("dataset", "/dataset/pncp/contratacoes", {}), ("day", failed_day, {}),
        ("run", run, {}), ("runs", "/runs", {}), ("jobs", "/jobs", {"token": True}),
        ("backfills", "/backfills", {"token": True}), ("login", "/login", {}), ("nothing", "/nowhere", {}),
    ]
    for name, path, how in shown:
        for kind, more in (("", {}), ("-dark-pt", {"dark": True, "lang": "pt-BR"}),
                           ("-phone", {"width": 390, "height": 844})):
            if name == "nothing" and kind:
                continue
            with eyes.open(f"{name}{kind}", path, **how, **more) as page:
                axe(f"{name}{kind}", page)
                lang = page.evaluate("document.documentElement.lang")
                hold(f"{name}{kind}: in the browser's language", lang == ("pt-BR" if "pt" in kind else "en"))
                if name == "run":
                    hold(f"{name}{kind}: its requests are drawn and listed",
                         page.locator(".requests path:not([d=''])").count() > 0
                         and page.locator("section:has(#requests) tbody tr").count() > 1)
    with eyes.open("wall", "/", width=3840, height=1080, dark=True) as page:
        axe("wall", page)
    return run


def speed(eyes):
    """Prints how fast the page is; a shared machine doesn't decide on it."""
    with eyes.open("front-again", "/") as page:
        paints = []
        for _ in range(7):
            page.reload(wait_until="load")
            paints.append(first_paint(page))
    print(f"     first paint: best of seven {min(paints):.0f} ms, aimed at {SLOWEST}")
    began = time.monotonic()
    for _ in range(OPENINGS):
        urllib.request.urlopen(eyes.base).read()
    took = time.monotonic() - began
    print(f"     {OPENINGS} openings in {took:.1f} s, aimed at {WITHIN}")


def two_steps_to_the_reason(eyes):
    """From the front page to a partial day's reason, by links alone."""
    with eyes.open("two-steps", "/") as page:
        link = page.locator(".look a", has_text=re.compile("partial")).first
        link.click()
        reason = page.locator(".why .reasons .quoted").first.inner_text()
        hold("the reason of a partial day is one step from the front page", len(reason) > 10, reason)


def without_script(eyes, failed_day, run):
    for name, path in (("front", "/"), ("dataset", "/dataset/pncp/contratacoes"), ("day", failed_day), ("run", run)):
        with eyes.open(f"{name}-no-script", path, script=False) as page:
            hold(f"{name}: complete without a script", page.locator("main h1").count() == 1
                 and page.locator("footer").count() == 1)
    with eyes.open("forecast-no-script", "/backfills", script=False, token=True) as page:
        ask_for_backfill(page)
        hold("a backfill's forecast comes without a script", page.locator(".forecast dd").count() == 4)


def ask_for_backfill(page):
    first = lake.datetime.date.today() - lake.datetime.timedelta(days=90)
    page.select_option("select[name=dataset]", "comprasnet.arp")
    page.fill("input[name=from]", str(first))
    page.fill("input[name=to]", str(first + lake.datetime.timedelta(days=75)))
    page.click("form.fields button")


def by_keyboard(page, text, most=80):
    """Tabs to the control with this text, and presses Enter."""
    for _ in range(most):
        page.keyboard.press("Tab")
        focused = page.evaluate("document.activeElement.textContent")
        if text in focused:
            is_seen = page.evaluate("getComputedStyle(document.activeElement).outlineStyle !== 'none'")
            page.keyboard.press("Enter")
            return is_seen
    return False


def keyboard_alone(eyes):
    with eyes.open("keyboard", "/jobs", token=True) as page:
        name = "tcu.daily"
        for action, then in (("Pause", "Resume"), ("Resume", "Pause")):
            with page.expect_navigation(wait_until="networkidle"):
                seen = by_keyboard(page, f"{action} {name}")
            after = page.locator(f"button:has-text('{then} {name}')").count()
            hold(f"a job is told to {action.lower()} by the keyboard alone", seen and after == 1)
        seen = by_keyboard(page, "Overview", 10)
        page.wait_for_url(f"{eyes.base}/")
        hold("pages are reached by the keyboard alone", seen)
        page.keyboard.press("Tab")
        page.keyboard.press("Enter")
        hold("the content is one key away", page.url.endswith("#main"), page.url)


def backfill(eyes):
    with eyes.open("forecast", "/backfills", token=True) as page:
        ask_for_backfill(page)
        page.screenshot(path=FOLDER / "forecast.png", full_page=True)
        axe("forecast", page)
        page.click(".forecast button")
        page.wait_for_url(f"{eyes.base}/backfills")
        hold("a backfill is under way", page.locator(".jobs progress").count() == 1)
        page.screenshot(path=FOLDER / "backfill.png", full_page=True)
        axe("backfill", page)
        page.click("button:has-text('Stop')")
        hold("a backfill is stopped", page.locator(".jobs .tag.partial").count() == 1)


def refreshed(eyes):
    with eyes.open("live", "/") as page:
        with page.expect_response(f"{eyes.base}/parts/now", timeout=15_000) as answer:
            pass
        hold("what moves is refreshed", answer.value.status == 200)
        hold("and what stands stays", page.locator("#verdict").count() == 1)


def failing_day(base):
    """A partial day of a dataset whose API is down, so that it stays so."""
    calendar = urllib.request.urlopen(f"{base}/api/v1/datasets/comprasnet/contratos/calendar").read()
    spans = json.loads(calendar)["days"]
    day = next(span["to"] for span in reversed(spans) if span["status"] == "partial")
    return f"/dataset/comprasnet/contratos/{day}"


def main():
    FOLDER.mkdir(parents=True, exist_ok=True)
    lake.make(FOLDER / "lake")
    api, port = free_port(), free_port()
    base = f"http://127.0.0.1:{port}"
    simulator = ["simulate", "--port", str(api), "--faults", "0"]
    with (running(simulator, FOLDER / "simulator.log"),
          running(["daemon"], FOLDER / "daemon.log", environment(api, port, FOLDER)),
          sync_playwright() as playwright):
        wait_for(f"{base}/api/v1/overview", know_everything)
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        eyes = Eyes(browser, base)
        day = failing_day(base)
        run = pages(eyes, day)
        two_steps_to_the_reason(eyes)
        without_script(eyes, day, run)
        keyboard_alone(eyes)
        backfill(eyes)
        refreshed(eyes)
        speed(eyes)
        browser.close()
    with running(["daemon"], FOLDER / "daemon-again.log", environment(api, port, FOLDER)), sync_playwright() as playwright:
        wait_for(f"{base}/api/v1/overview", lambda text: "lake_not_read" not in text)
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        print("after a restart:")
        two_steps_to_the_reason(Eyes(browser, base))
        browser.close()
    if problems:
        raise SystemExit(f"{len(problems)} problems: {problems}")


if __name__ == "__main__":
    main()
