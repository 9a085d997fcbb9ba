#!/bin/sh
# Looks, before anything is provisioned, whether it can be.
# Reads: what preflight.py does.

set -eu
exec python3 "$(dirname "$0")/preflight.py"
