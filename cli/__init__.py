"""The command `atelier`: restyle videos on any deployment, by its HTTP API.

Commands are in `main`; what they do with several videos at once in `studio`; what people read in
`display`, and while they wait on the `board`. `client` asks the API, `transfer` moves files to and
from blob storage.
"""
