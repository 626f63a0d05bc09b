"""One file per module of the package: no server, no process, no wait."""
