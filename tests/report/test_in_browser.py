"""The page as a browser meets it, with the network off."""

import shutil
import subprocess

import pytest
import study_records as made

from estimand.report.folder import write_folder

BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
pytestmark = [
    pytest.mark.nightly,
    pytest.mark.skipif(BROWSER is None, reason="no Chromium to open the page in"),
]
ALONE = ("--headless", "--no-sandbox", "--disable-gpu", "--host-resolver-rules=MAP * ~NOTFOUND")


def opened(path, *more):
    command = [BROWSER, *ALONE, "--enable-logging=stderr", *more, "--dump-dom", path.as_uri()]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=120)


@pytest.mark.parametrize("make", [made.lalonde, made.experiment, made.vetoed, made.hostile])
@pytest.mark.parametrize("width", [390, 1100])
def test_the_page_opens_without_a_word_in_the_console(make, width, tmp_path):
    page = write_folder(make(), tmp_path) / "report.html"
    done = opened(page, f"--window-size={width},900")
    assert "How it was done" in done.stdout
    assert "CONSOLE" not in done.stderr


def test_a_page_with_an_error_is_heard(tmp_path):
    page = tmp_path / "bad.html"
    page.write_text("<!DOCTYPE html><script>nothing()</script><img src='https://example.org/x.png'>", encoding="utf-8")
    assert "CONSOLE" in opened(page).stderr
