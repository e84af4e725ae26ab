"""The run folder: append-only tables, the lock and manifest, whole-file writes, masked secrets."""

from .files import disk_error, raw_lines, read_rows, store_errors, write_atomic
from .folder import RunFolder
from .secrets import mask_secrets, mask_url
from .table import Table

# fmt: off
__all__ = [
    "RunFolder", "Table", "disk_error", "mask_secrets", "mask_url", "raw_lines", "read_rows", "store_errors",
    "write_atomic",
]
# fmt: on
