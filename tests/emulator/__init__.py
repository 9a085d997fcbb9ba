"""The emulator by itself. A package, for its services end with the last of these tests."""
