"""Logging: the logger ``whisperdiar``, by which the library tells what its caller does not hear otherwise."""

from __future__ import annotations

import logging

from whisperdiar.parameter_names import name_parameters

LOGGER = logging.getLogger("whisperdiar")


def warn(message: str) -> None:
    """Logs a warning; without a handler Python shows it on standard error."""
    LOGGER.warning(name_parameters(message))


def inform(message: str) -> None:
    """Logs an information, which Python shows only where logging is set up for it."""
    LOGGER.info(name_parameters(message))
