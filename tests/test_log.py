"""Lines of the log: whole, with ids, without secrets."""

from __future__ import annotations

import io
import logging
from collections.abc import Iterator

import pytest

from bot.log import HIDDEN, Redactor, about, configure, summary

TOKEN = "MTA5ODc2NTQzMjEwOTg3NjU0Mw.GabcDe.abcdefghijklmnopqrstuvwxyz0123456789AB"


@pytest.fixture
def restore() -> Iterator[None]:
    """Give pytest its own handlers back."""
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    logging.captureWarnings(False)
    for own in ("bot", "cogs"):
        logging.getLogger(own).setLevel(logging.NOTSET)


def lines_of(*, secrets: tuple[str, ...] = (), debug: bool = False) -> tuple[logging.Logger, io.StringIO]:
    stream = io.StringIO()
    configure(secrets, level=logging.INFO, debug=debug, stream=stream)
    return logging.getLogger("bot.some.module"), stream


def fail(message: str) -> None:
    raise ValueError(message)


@pytest.mark.usefixtures("restore")
class TestLines:
    def test_a_line_has_time_level_logger_ids_and_message(self):
        log, stream = lines_of()
        with about(batch=3), about(attempt=9):
            log.warning("sent %d awards", 5)
        log.info("outside")
        first, second = stream.getvalue().splitlines()
        assert first.endswith("Z WARNING bot.some.module batch=3 attempt=9 | sent 5 awards")
        assert second.endswith("Z INFO bot.some.module | outside")

    def test_a_message_from_outside_cannot_begin_a_line_of_its_own(self):
        log, stream = lines_of()
        log.info("file %s", "a.csv\n2026-01-01T00:00:00Z INFO bot | all paid\x1b[2J")
        assert len(stream.getvalue().splitlines()) == 1
        assert "\x1b" not in stream.getvalue()

    def test_an_exception_ends_its_line_without_a_traceback(self):
        log, stream = lines_of()
        try:
            fail("no\nsuch thing")
        except ValueError:
            log.exception("error 7f3a")
        (line,) = stream.getvalue().splitlines()
        assert "error 7f3a | ValueError: no\\nsuch thing (at tests/test_log.py:" in line
        assert "Traceback" not in line

    def test_debug_shows_the_whole_traceback_and_debug_lines(self):
        log, stream = lines_of(debug=True)
        log.debug("in detail")
        try:
            fail("no")
        except ValueError:
            log.exception("error 7f3a")
        assert "in detail" in stream.getvalue()
        assert "Traceback (most recent call last)" in stream.getvalue()

    def test_arguments_that_do_not_fit_are_written_as_they_stand(self):
        log, stream = lines_of()
        text = "%d of %d"
        log.info(text, 1)
        assert "%d of %d (1,)" in stream.getvalue()

    @pytest.mark.parametrize("debug", [False, True])
    def test_secrets_are_hidden_in_messages_arguments_and_exceptions(self, debug: bool):
        log, stream = lines_of(secrets=("drip-secret-1",), debug=debug)
        log.info("calling with drip-secret-1 and %s", {"key": "drip-secret-1"})
        try:
            fail(f"refused drip-secret-1 {TOKEN}")
        except ValueError:
            log.exception("error drip-secret-1")
        assert "drip-secret-1" not in stream.getvalue()
        assert TOKEN not in stream.getvalue()
        assert HIDDEN in stream.getvalue()


@pytest.mark.parametrize(
    "text",
    [
        f"login with {TOKEN}",
        "Authorization: Bearer abcdefghijklmnop1234",
        "{'apikey': 'abcdefgh12345678'}",
        "secretkey=abcdefgh12345678&x=1",
        "POST /api/v10/webhooks/123456789012345678/aW50ZXJhY3Rpb246abcdefgh12345678",
        "POST /api/v10/interactions/123456789012345678/abcdefgh12345678abcdefgh12345678/callback",
    ],
)
def test_what_looks_like_a_token_is_hidden_though_nobody_configured_it(text: str):
    cleaned = Redactor().clean(text)
    assert HIDDEN in cleaned
    assert "abcdefgh" not in cleaned


@pytest.mark.parametrize(
    "text",
    [
        "batch 12: 1,203 awards applied",
        "discord-id 123456789012345678",
        "sha256 " + "ab" * 32,
        "the token ring is in force",
    ],
)
def test_ordinary_lines_stay_as_they_are(text: str):
    assert Redactor(["", "abc"]).clean(text) == text


def test_the_longer_of_two_overlapping_secrets_is_hidden_whole():
    assert Redactor(["secret", "secret-and-more"]).clean("x secret-and-more y") == f"x {HIDDEN} y"


def test_a_summary_without_a_message_is_the_type():
    assert summary(KeyError()) == "KeyError"
