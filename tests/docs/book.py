"""Checks that the pages of docs/ are a book: SUMMARY.md names each of them, and no link leads out of it or nowhere. What is there in
Portuguese, too, has the headings, blocks of code and links of the English page.

    book.py docs               the pages
    book.py docs target/book   and what mdBook has made of them

In the book a link out of docs/ is dead, so that such files are named in code, `like/this`. The README's links are looked at, too.
"""

import itertools
import pathlib
import re
import sys

DOCS = pathlib.Path(sys.argv[1]).resolve()
ROOT = DOCS.parent
# [text](target) and ![text](target).
LINK = re.compile(r"\]\(([^)\s]+)\)")

# Pages, and what they are in Portuguese.
TRANSLATED = {
    ROOT / "README.md": ROOT / "README.pt-BR.md",
    DOCS / "use/getting-started.md": DOCS / "use/primeiros-passos.md",
    DOCS / "use/questions.md": DOCS / "use/perguntas.md",
}

problems = []


def prose(page):
    """Returns the text of a page without its blocks of code."""
    return re.sub(r"^```.*?^```$", "", page.read_text(), flags=re.M | re.S)


def anchors(page):
    """Returns the anchors of a page's headings, as GitHub and mdBook make them."""
    headings = re.findall(r"^#+ (.+)$", prose(page), re.M)
    texts = (re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).lower() for heading in headings)
    return {re.sub(r"[^\w\- ]", "", text).strip().replace(" ", "-") for text in texts}


def links(page):
    """Yields the links of a page that stay on this machine: the text, the file, and the anchor if there is one."""
    for link in LINK.findall(prose(page)):
        if not re.match(r"[a-z]+:", link):
            path, _, anchor = link.partition("#")
            yield link, (page.parent / path).resolve() if path else page, anchor


def check(page, within):
    for link, file, anchor in links(page):
        name = page.relative_to(ROOT)
        if not file.is_relative_to(within):
            problems.append(f"{name}: {link} leads out of {within.name}/")
        elif not (file.is_file() or within == ROOT and file.is_dir()):
            problems.append(f"{name}: {link} leads nowhere")
        elif anchor and anchor not in anchors(file):
            problems.append(f"{name}: {link} has no such heading")


def parts(page):
    """Returns what a translation has in common: the levels of headings, the blocks of code without comments, the links."""
    english = {portuguese: page for page, portuguese in TRANSLATED.items()}
    code = re.findall(r"^```.*?^```$", page.read_text(), re.M | re.S)
    linked = [(str(english.get(file, file)), anchor) for _, file, anchor in links(page)]
    return {
        "headings": re.findall(r"^#+ ", prose(page), re.M),
        "blocks of code": [re.sub(r" *#[^!].*", "", block) for block in code],
        "links": sorted(linked),
        "rows of tables": [line.count("|") for line in prose(page).splitlines() if line.startswith("|")],
    }


for page, portuguese in TRANSLATED.items():
    here, there = parts(page), parts(portuguese)
    for part in here:
        if here[part] != there[part]:
            odd = [pair for pair in itertools.zip_longest(here[part], there[part]) if pair[0] != pair[1]][0]
            problems.append(f"{portuguese.relative_to(ROOT)} has other {part} than {page.name}: {odd[1]!r} for {odd[0]!r}")

summary = DOCS / "SUMMARY.md"
pages = sorted(DOCS.rglob("*.md"))
named = [file for _, file, _ in links(summary)]
for page in pages:
    if page != summary and named.count(page) != 1:
        problems.append(f"docs/SUMMARY.md names {page.relative_to(ROOT)} {named.count(page)} times")
    check(page, DOCS)
for page in ("README.md", "README.pt-BR.md", "CONTRIBUTING.md", "ARCHITECTURE.md", "STYLE.md", "RELEASE.md", "fuzz/README.md"):
    check(ROOT / page, ROOT)

for book in map(pathlib.Path, sys.argv[2:]):
    for page in book.rglob("*.html"):
        for link in re.findall(r'(?:href|src)="([^"#]+)', page.read_text()):
            is_local = not re.match(r"[a-z]+:|/", link)
            if is_local and not (page.parent / link).exists():
                problems.append(f"{page.relative_to(book)}: {link} leads nowhere")

for problem in problems:
    print(problem, file=sys.stderr)
print(f"{len(pages) - 1} pages, {sum(1 for page in pages for _ in links(page))} links, {len(problems)} problems")
sys.exit(1 if problems else 0)
