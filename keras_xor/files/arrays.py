"""NumPy archives, checked before NumPy reads them."""

import io
import os
import zipfile

import numpy as np

from keras_xor.checks import KerasXorError
from keras_xor.files.archives import check_stored
from keras_xor.files.writing import mark_archive

MOST_BYTES = 2**30  # Per file


def write_arrays(file, arrays):
    """Write a dict of arrays as a NumPy archive to `file`, a `Path`."""
    # On a full disk, `np.savez` to a file leaves an archive that raises again later.
    content = io.BytesIO()
    np.savez(content, **arrays)
    mark_archive(content)
    if content.getbuffer().nbytes > MOST_BYTES:
        raise KerasXorError(f"{file.name} would be larger than {MOST_BYTES >> 20} MiB")
    file.write_bytes(content.getbuffer())


def read_arrays(file, wanted=lambda name: True):
    """Read the arrays of a NumPy archive by name, in no more memory than the file takes on disk.

    Args:
        file: The archive, open for reading in binary.
        wanted: Function of a name that says whether to read its array. Defaults to all.

    Raises:
        KerasXorError: the file is too large, or not as `np.savez` writes it. Damaged files
            may raise other errors.
    """
    size = os.fstat(file.fileno()).st_size
    if size > MOST_BYTES:
        raise KerasXorError(f"it is larger than {MOST_BYTES >> 20} MiB")
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
        raise KerasXorError("its arrays are not in format version 1.0")
    shape, fortran_order, dtype = np.lib.format.read_array_header_1_0(header)
    if dtype.hasobject:
        raise KerasXorError("its arrays hold objects")
    return np.ndarray(shape, dtype, content, header.tell(), order="F" if fortran_order else "C")
