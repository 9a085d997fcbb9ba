"""Whole jobs. A package, for its emulator ends with the last of them, not with all tests."""
