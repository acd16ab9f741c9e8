"""The ``genem`` logger: one line per message on stderr, as text or as JSON."""

from __future__ import annotations

import json
import logging
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

LogFormat = Literal["text", "json"]

LOGGER = "genem"
ERASE_LINE = "\r\x1b[K"


def log_level(*, quiet: bool, verbose: int) -> int:
    """Errors only with ``-q``, warnings by default, information with ``-v``, everything with ``-vv``."""
    if quiet:
        return logging.ERROR
    return {0: logging.WARNING, 1: logging.INFO}.get(verbose, logging.DEBUG)


class TextFormatter(logging.Formatter):
    """``genem COMMAND: warning: message``; plain information goes without its level."""

    def __init__(self, command: str) -> None:
        super().__init__()
        self._command = command

    def format(self, record: logging.LogRecord) -> str:
        level = "" if record.levelno == logging.INFO else f"{record.levelname.lower()}: "
        text = f"{self._command}: {level}{record.getMessage()}"
        return f"{text}\n{self.formatException(record.exc_info)}" if record.exc_info else text


class JsonFormatter(logging.Formatter):
    """One JSON object a line: ``time`` (UTC), ``level``, ``command``, ``message`` and, if any, ``traceback``."""

    def __init__(self, command: str) -> None:
        super().__init__()
        self._command = command

    def format(self, record: logging.LogRecord) -> str:
        line = {
            "time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(record.created)),
            "level": record.levelname.lower(),
            "command": self._command,
            "message": record.getMessage(),
        }
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False)


class StderrHandler(logging.Handler):
    """Writes to whatever ``sys.stderr`` is now; on a terminal it first erases the progress bar."""

    def emit(self, record: logging.LogRecord) -> None:
        stream = sys.stderr
        if stream is None:
            return
        try:
            stream.write(f"{ERASE_LINE if stream.isatty() else ''}{self.format(record)}\n")
            stream.flush()
        except OSError:
            return  # nobody listens on stderr: no reason to lose the result


@contextmanager
def logging_to_stderr(command: str, level: int, log_format: LogFormat = "text") -> Iterator[logging.Logger]:
    """Send the messages of genem, and Python's warnings, to stderr while the context lasts.

    A context within a context takes over until it ends.
    """
    handler = StderrHandler()
    handler.setFormatter(JsonFormatter(command) if log_format == "json" else TextFormatter(command))
    logger, python_warnings = logging.getLogger(LOGGER), logging.getLogger("py.warnings")
    restored = [(each, each.handlers, each.level, each.propagate) for each in (logger, python_warnings)]
    for each in (logger, python_warnings):
        each.handlers, each.propagate = [handler], False
    logger.setLevel(level)
    logging.captureWarnings(True)
    try:
        yield logger
    finally:
        for each, handlers, old_level, propagate in restored:
            each.handlers, each.propagate = handlers, propagate
            each.setLevel(old_level)
        logging.captureWarnings(any(isinstance(outer, StderrHandler) for outer in logger.handlers))
