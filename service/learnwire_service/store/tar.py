"""Entries of a tar file as an archive has them: of files alone, and written in one way only."""

import tarfile

BLOCK = tarfile.BLOCKSIZE
END = bytes(2 * BLOCK)
# Beyond that the old header has no room for the size.
_MOST_IN_HEADER = 8**11 - 1
_KINDS = {
    tarfile.SYMTYPE: "a symlink",
    tarfile.LNKTYPE: "a hard link",
    tarfile.DIRTYPE: "a folder",
    tarfile.CHRTYPE: "a device",
    tarfile.BLKTYPE: "a device",
    tarfile.FIFOTYPE: "a pipe",
    tarfile.REGTYPE: "the file",
}


def header_of(name: str, size: int) -> bytes:
    """Give what stands in front of a file."""
    info = tarfile.TarInfo(name)
    info.size, info.mode = size, 0o644
    if size > _MOST_IN_HEADER:
        return info.tobuf(tarfile.PAX_FORMAT, "utf-8", "surrogateescape")
    return info.tobuf(tarfile.USTAR_FORMAT, "utf-8", "surrogateescape")


def padding_of(size: int) -> bytes:
    """Give what stands behind a file of that size."""
    return bytes(-size % BLOCK)


def size_in(header: bytes) -> int:
    """Tell the size that a header says; -1 where it is none."""
    info = _parsed(header)
    return -1 if info is None else info.size


def _parsed(header: bytes) -> tarfile.TarInfo | None:
    try:
        return tarfile.TarInfo.frombuf(header[:BLOCK], "utf-8", "surrogateescape")
    except tarfile.HeaderError:
        return None


def told_of(header: bytes) -> str:
    """Say what an entry is that is not due."""
    info = _parsed(header)
    if info is None:
        return "nothing that can be read"
    kind = _KINDS.get(info.type, "an entry of another kind")
    return f"{kind} {info.name[:120]!a} of {info.size} bytes"
