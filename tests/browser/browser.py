# SPDX-License-Identifier: MIT
"""A page in headless Chromium: its script errors, its elements, whether it is wider than the screen, its picture."""
import html
import json
import pathlib
import re
import shutil
import subprocess
import tempfile

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
# What is measured in the page, and left in its title for --dump-dom to show. A box that scrolls by itself is no fault.
MEASURE = """<script>addEventListener("load", () => {
  const d = document, wide = innerWidth, out = {wide, high: d.documentElement.scrollHeight,
    over: d.documentElement.scrollWidth - wide, ids: [...d.querySelectorAll("[id]")].map(e => e.id), flat: [],
    cut: [...d.querySelectorAll(".scroll")].filter(e => e.querySelector("table") && e.scrollWidth > e.clientWidth + 1).length,
    prose: [...d.querySelectorAll(".wrap")].filter(e => { const b = e.getBoundingClientRect(); if (!e.textContent) return false;
      return b.right > wide + 1 || b.width < 150; }).map(e => e.textContent),
    charts: [...d.querySelectorAll("svg")].map(s => ({bars: s.querySelectorAll("rect, path").length,
      hover: s.querySelectorAll("title").length, width: s.getBoundingClientRect().width})),
    dark: matchMedia("(prefers-color-scheme: dark)").matches, background: getComputedStyle(d.body).backgroundColor,
    least: Math.min(...[...d.querySelectorAll("svg text")].map(t => {
      const m = t.getScreenCTM(); return parseFloat(getComputedStyle(t).fontSize) * Math.hypot(m.a, m.b); }))};
  for (const t of d.querySelectorAll("svg text")) {
    const b = t.getBoundingClientRect(), s = t.closest("svg").getBoundingClientRect();
    if (b.width && (b.left < s.left - 1 || b.right > s.right + 1)) out.flat.push(t.textContent);
  }
  d.body.setAttribute("data-measured", JSON.stringify(out));
});</script>"""


def find():
    return next((path for name in NAMES if (path := shutil.which(name))), None)


def run(page, *arguments, width=1200, height=900, dark=False):
    with tempfile.TemporaryDirectory(prefix="nmi-sim-browser-", ignore_cleanup_errors=True) as profile:
        command = [find(), "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
                   "--disable-background-networking", "--disable-component-update", "--disable-sync", "--hide-scrollbars",
                   "--host-resolver-rules=MAP * ~NOTFOUND", f"--user-data-dir={profile}", "--enable-logging=stderr",
                   f"--window-size={width},{height}", f"--blink-settings=preferredColorScheme={0 if dark else 1}",
                   "--virtual-time-budget=3000", *arguments, pathlib.Path(page).resolve().as_uri()]
        return subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)


def look_at(*pages, dark=False):
    """What MEASURE found in each of these pages, a text and the width of its screen, and what the console said of all of them.
    One browser shows all: to start it takes longest."""
    with tempfile.TemporaryDirectory(prefix="nmi-sim-page-") as folder:
        page = pathlib.Path(folder) / "page.html"
        page.write_text(framed([(text.replace("</head>", MEASURE + "</head>"), width) for text, width in pages]))
        done = run(page, "--dump-dom", width=max(width for _, width in pages), dark=dark)
    console = [line for line in done.stderr.splitlines() if "CONSOLE" in line]
    found = [re.search(r'data-measured="([^"]*)"', frame) for frame in done.stdout.split("<iframe ")[1:]]
    return [{**(json.loads(html.unescape(one.group(1))) if one else {}), "console": console} for one in found]


def framed(pages):
    """Each in a frame as wide as its screen: headless Chromium has no window as narrow as a phone."""
    measured = ("const m = this.contentDocument.body.dataset.measured; this.dataset.measured = m; "
                "this.style.height = JSON.parse(m || '{}').high + 40 + 'px'")
    frames = [f'<iframe style="border:0;width:{width}px;height:5000px" onload="{html.escape(measured)}" srcdoc="{html.escape(text)}"></iframe>'
              for text, width in pages]
    return f'<!doctype html><meta charset="utf-8"><link rel="icon" href="data:,"><body style="margin:0">{"".join(frames)}</body>'


def screenshot(text, target, width=1200, height=900, dark=False):
    with tempfile.TemporaryDirectory(prefix="nmi-sim-page-") as folder:
        page = pathlib.Path(folder) / "page.html"
        page.write_text(text if width >= 600 else framed([(text, width)]))
        run(page, f"--screenshot={pathlib.Path(target).resolve()}", width=width if width >= 600 else 600, height=height, dark=dark)
