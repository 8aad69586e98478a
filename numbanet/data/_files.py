"""What every reader of files shares: one way to turn a failure into a DataError that names the file."""

from contextlib import contextmanager
from pathlib import Path

from numbanet.errors import DataError


@contextmanager
def reading(path, *failures):
    """Turn what goes wrong inside the block into a DataError naming `path`: any OSError, and the `failures` listed."""
    try:
        yield
    except DataError:
        raise
    except FileNotFoundError:
        raise DataError(f"{path}: no such file") from None
    except (OSError, *failures) as error:
        raise DataError(f"{path}: cannot be read ({str(error) or type(error).__name__})") from error


def existing_folder(path):
    """`path` as a Path, where it is a folder."""
    folder = Path(path)
    if not folder.is_dir():
        raise DataError(f"{folder}: expected a folder, found {'a file' if folder.exists() else 'nothing'}")
    return folder
