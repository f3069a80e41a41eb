"""Headless Chromium through ChromeDriver, spoken to by plain HTTP (W3C WebDriver): no library is needed."""

import json
import os
import shutil
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

CHROMIUM = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome", "chrome"))), None
)
DRIVER = shutil.which("chromedriver")
MISSING = [name for name, found in (("Chromium", CHROMIUM), ("ChromeDriver", DRIVER)) if not found]

QUIET = ("headless=new", "no-sandbox", "disable-gpu", "disable-quic", "no-first-run", "mute-audio")
QUIET += (
    "disable-background-networking",
    "disable-component-update",
    "disable-sync",
    "disable-dev-shm-usage",
)

PATIENCE = 240
"""Seconds that an answer may take: on a machine that is busy with other work a browser is slow."""


class Browser:
    """One window."""

    def __init__(self, url: str, session: str) -> None:
        self.url, self.session = url, session

    def command(self, method: str, path: str, **values: Any) -> Any:
        return call(method, f"{self.url}/session/{self.session}/{path}", values)

    def open(self, page: Path, width: int, height: int = 800) -> None:
        """Open a file in a window so wide on the inside, in CSS pixels."""
        metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
        self.devtools("Emulation.setDeviceMetricsOverride", **metrics)
        self.command("POST", "url", url=page.resolve().as_uri())

    def prefer(self, scheme: str) -> None:
        """What the reader prefers, a "light" or a "dark" page."""
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        self.devtools("Emulation.setEmulatedMedia", features=features)

    def devtools(self, name: str, **values: Any) -> Any:
        return self.command("POST", "goog/cdp/execute", cmd=name, params=values)

    def ask(self, script: str) -> Any:
        """The value of a JavaScript expression."""
        return self.command("POST", "execute/sync", script=f"return ({script});", args=[])

    def wait_for(self, script: str, seconds: float = PATIENCE) -> None:
        end = time.monotonic() + seconds
        while not self.ask(script):
            assert time.monotonic() < end, f"not true after {seconds} s: {script}"
            time.sleep(0.05)

    def press(self, key: str, code: int) -> None:
        """A key down and up again, by its name and number."""
        text = {"text": key} if len(key) == 1 else {}
        for kind in ("keyDown", "keyUp"):
            self.devtools("Input.dispatchKeyEvent", type=kind, key=key, windowsVirtualKeyCode=code, **text)

    def console(self) -> list[str]:
        """What the console said since it was last asked."""
        return [entry["message"] for entry in self.command("POST", "se/log", type="browser")]


def call(method: str, url: str, values: dict[str, Any] | None = None) -> Any:
    body = None if values is None or method != "POST" else json.dumps(values).encode()
    request = urllib.request.Request(url, body, {"Content-Type": "application/json"}, method=method)
    # No proxy: the driver is on this machine, whatever the environment says.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(request, timeout=PATIENCE) as answer:
            return json.load(answer)["value"]
    except urllib.error.HTTPError as error:
        raise AssertionError(f"{method} {url}: {error.read().decode()[:500]}") from error


@contextmanager
def browser() -> Iterator[Browser]:
    """A browser with a profile of its own, which is gone afterwards."""
    assert DRIVER and CHROMIUM
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        log = Path(profile, "driver.log")
        with open(log, "wb") as output:
            driver = subprocess.Popen(
                [DRIVER, "--port=0"],
                stdout=output,
                stderr=subprocess.STDOUT,
                env={**os.environ, "HOME": profile},
            )
        try:
            url = f"http://127.0.0.1:{port_of(log)}"
            options = {"binary": CHROMIUM, "args": [f"--{word}" for word in QUIET]}
            options["args"] += [f"--user-data-dir={profile}/profile"]
            wanted = {"goog:chromeOptions": options, "goog:loggingPrefs": {"browser": "ALL"}}
            session = call("POST", f"{url}/session", {"capabilities": {"alwaysMatch": wanted}})["sessionId"]
            try:
                yield Browser(url, session)
            finally:
                call("DELETE", f"{url}/session/{session}")
        finally:
            driver.terminate()
            driver.wait(20)


def port_of(log: Path, seconds: float = PATIENCE) -> int:
    """The port that the driver chose, which it says when it is ready."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        for line in log.read_text(errors="replace").splitlines():
            if "started successfully on port" in line:
                return int(line.rstrip(".").split()[-1])
        time.sleep(0.05)
    raise AssertionError(f"ChromeDriver did not start: {log.read_text(errors='replace')}")
