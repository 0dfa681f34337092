"""NumPy archives, looked at before NumPy makes anything of them."""

import io
import os
import zipfile

import numpy as np

from keras_xor.checks import KerasXorError
from keras_xor.files.archives import check_stored
from keras_xor.files.writing import mark_archive

_MOST_BYTES = 2**30  # Of a file


def write_arrays(file, arrays):
    """Write a dict of arrays as a NumPy archive to `file`, a `Path`."""
    # On a full disk, `np.savez` to a file leaves an archive that complains once more.
    content = io.BytesIO()
    np.savez(content, **arrays)
    mark_archive(content)
    if content.getbuffer().nbytes > _MOST_BYTES:
        raise KerasXorError(f"{file.name} would be larger than {_MOST_BYTES >> 20} MiB")
    file.write_bytes(content.getbuffer())


def read_arrays(file, wanted=lambda name: True):
    """The arrays of a NumPy archive, by their names; they take no more memory than the file.

    Args:
        file: The archive, open for reading in binary.
        wanted: Whether to read the array of a name. Defaults to all.

    Raises:
        KerasXorError: it is too large or not as NumPy's `savez` writes it; or whatever
            damage makes a reader raise.
    """
    size = os.fstat(file.fileno()).st_size
    if size > _MOST_BYTES:
        raise KerasXorError(f"it is larger than {_MOST_BYTES >> 20} MiB")
    with zipfile.ZipFile(file) as archive:
        members = archive.infolist()
        check_stored(members)
        if sum(member.file_size for member in members) > size:
            raise KerasXorError("its members overlap")
        return {
            name.removesuffix(".npy"): _array(archive.read(name))
            for name in archive.namelist()
            if wanted(name)
        }


def _array(content):
    header = io.BytesIO(content)
    if np.lib.format.read_magic(header) != (1, 0):
        raise KerasXorError("its arrays are not of version 1.0")
    shape, fortran_order, dtype = np.lib.format.read_array_header_1_0(header)
    if dtype.hasobject:
        raise KerasXorError("its arrays hold objects")
    return np.ndarray(shape, dtype, content, header.tell(), order="F" if fortran_order else "C")
