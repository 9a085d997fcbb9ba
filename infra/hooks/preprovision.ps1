# Looks, before anything is provisioned, whether it can be.
# Reads: what preflight.py does.

$ErrorActionPreference = 'Stop'
python (Join-Path $PSScriptRoot 'preflight.py')
exit $LASTEXITCODE
