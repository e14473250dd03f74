"""Time renderers on a million points in Debian's Chromium: `python run.py FOLDER [NAME ...]`."""

import functools
import http.server
import sys
import threading

from playwright.sync_api import sync_playwright

FLAGS = ["--no-sandbox", "--use-angle=swiftshader", "--enable-unsafe-swiftshader"]
PAGE = '<!doctype html><meta charset="utf-8"><body><script type="module" src="/{}.js"></script>'


class Handler(http.server.SimpleHTTPRequestHandler):
    """Serves the bundles, and a page for each."""

    def do_GET(self):
        """Answer a page or a file."""
        if not self.path.startswith("/page"):
            super().do_GET()
            return
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(PAGE.format(self.path.split("=")[1]).encode())

    def log_message(self, *_):
        """Say nothing."""


handler = functools.partial(Handler, directory=sys.argv[1])
server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
threading.Thread(target=server.serve_forever, daemon=True).start()
with sync_playwright() as play:
    for name in sys.argv[2:] or ["regl", "deck", "atlas"]:
        browser = play.chromium.launch(executable_path="/usr/bin/chromium", args=FLAGS)
        page = browser.new_page(viewport={"width": 1000, "height": 1000})
        page.set_default_timeout(300_000)
        page.goto(f"http://127.0.0.1:{server.server_port}/page?n={name}")
        page.wait_for_function("typeof window.go == 'function'")
        times = page.evaluate("go()")
        heap = page.evaluate("performance.memory.usedJSHeapSize") / 1e6
        page.screenshot(path=f"{sys.argv[1]}/{name}.png")
        print(name, {key: round(value) for key, value in times.items()}, f"heap {heap:.0f} MB")
        browser.close()
