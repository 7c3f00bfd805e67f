"""The address that a server listens on; a Unix socket that is left over makes room for it."""

import errno
import os
import re
import socket
import stat

from ..common.errors import CannotListen
from ..common.network_settings import UNIX


def make_room(address: str) -> None:
    """Remove the socket that a server which is no more left at a Unix address, `unix:/path`.

    Raises:
        CannotListen: a server listens there, or something else is at that path, or nothing can be.
    """
    # Both unix:/path and unix:///path are gRPC's ways to write it.
    path = re.sub("^/+", "/", address.removeprefix(UNIX))
    try:
        mode = os.stat(path).st_mode
    except FileNotFoundError:
        return _check_folder(address, os.path.dirname(path) or ".")
    except OSError as error:
        raise CannotListen(address, f"{path}: {error.strerror}") from None
    if not stat.S_ISSOCK(mode):
        raise CannotListen(address, f"{path} is there already, and no socket")
    if _is_live(path):
        raise CannotListen(address, "another server listens there")
    try:
        os.unlink(path)
    except OSError as error:
        raise CannotListen(address, f"{path}: {error.strerror}") from None


def _check_folder(address: str, folder: str) -> None:
    if not os.path.isdir(folder):
        raise CannotListen(address, f"there is no folder {folder}; make it first")
    if not os.access(folder, os.W_OK | os.X_OK):
        raise CannotListen(address, f"the folder {folder} cannot be written to")


def _is_live(path: str) -> bool:
    with socket.socket(socket.AF_UNIX) as caller:
        caller.setblocking(False)
        try:
            caller.connect(path)
        except OSError as error:
            # A full queue of connections is a server's, too.
            return error.errno != errno.ECONNREFUSED
    return True
