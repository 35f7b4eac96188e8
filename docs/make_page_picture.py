"""Takes docs/images/page.png, the picture of the page in README, with the Chromium of this machine (extra ``test``).

whisperdiar samples/natural/walk.ogg --model base -o walk.json
whisperdiar rename walk.json SPEAKER_00=Emma SPEAKER_01=Michael SPEAKER_02=George
whisperdiar convert walk.json walk.html --media samples/natural/walk.ogg
python docs/make_page_picture.py walk.html
"""

from __future__ import annotations

import shutil
import sys
import time
from pathlib import Path

PICTURE = Path(__file__).parent / "images" / "page.png"
CHROMIUMS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
FLAGS = ("--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--lang=en-US", "--mute-audio")
SIZE = (1200, 760)
SETTLING_S = 2.0
"""Until the sound is there and the page has scrolled to its moment."""


def main() -> None:
    """The command: the page, opened 14 s after the start of the recording, becomes the picture."""
    if len(sys.argv) != 2:
        raise SystemExit(__doc__)
    from selenium import webdriver

    binary = next(filter(None, map(shutil.which, CHROMIUMS)), None)
    driver = shutil.which("chromedriver")
    if binary is None or driver is None:
        raise SystemExit("No Chromium is installed. To fix this, run: apt install chromium chromium-driver")
    options = webdriver.ChromeOptions()
    options.binary_location = binary
    for flag in FLAGS:
        options.add_argument(flag)
    browser = webdriver.Chrome(options=options, service=webdriver.ChromeService(driver))
    try:
        size = {"width": SIZE[0], "height": SIZE[1], "deviceScaleFactor": 1, "mobile": False}
        browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
        browser.get(f"{Path(sys.argv[1]).resolve().as_uri()}#t=14")
        time.sleep(SETTLING_S)
        browser.get_screenshot_as_file(str(PICTURE))
    finally:
        browser.quit()
    print(PICTURE)


if __name__ == "__main__":
    main()
