"""Drivers: loops that compile, solve, decode, and compile again; one file each in ``compiler/drivers/``."""

from __future__ import annotations

from ..ir.registry import Registry

DRIVERS = Registry("isinglass.compiler.drivers", "driver")
