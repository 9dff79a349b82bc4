"""What a notebook without a kernel shows."""

from __future__ import annotations

import base64
import re
from pathlib import Path

from hiero_lib.explorer.still import still_html
from tests.helpers.explored import Opened


def test_a_picture_and_the_rules_that_hide_it_when_the_explorer_is_alive(tmp_path: Path) -> None:
    session = Opened(tmp_path).session(None, index=False)
    text = still_html(session)
    (data,) = re.findall(r'src="data:image/png;base64,([^"]+)"', text)
    assert base64.b64decode(data).startswith(b"\x89PNG")
    assert ":has(.hiero-still)" in text
    assert "run this cell" in text
    assert "<script" not in text
