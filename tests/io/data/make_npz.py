"""Makes numpy.npz and numpy_compressed.npz with NumPy: python make_npz.py"""
import os

import numpy as np

HERE = os.path.dirname(os.path.abspath(__file__))

# npz_test.cpp holds the same values.
ARRAYS = {
    "fc.weight": (np.arange(6, dtype=np.float32).reshape(2, 3) / 4 - 0.5),
    "double": np.array([0.1, np.inf]),
    "half": np.array([1.5, -65504.0], dtype=np.float16),
    "long": np.array([-1, 2**62]),
    "int": np.array([-(2**31), 7], dtype=np.int32),
    "byte": np.array([0, 128, 255], dtype=np.uint8),
    "flag": np.array([True, False, True]),
    "scalar": np.float32(2.5),
    "none": np.zeros((0, 3), dtype=np.float32),
    "small": np.array([-128, 127], dtype=np.int8),
    "short": np.array([-32768, 32767], dtype=np.int16),
    "ushort": np.array([0, 65535], dtype=np.uint16),
    "uint": np.array([0, 2**32 - 1], dtype=np.uint32),
    "big": np.array([[1.0, -2.0, 3.0]], dtype=">f4"),
    "fortran": np.asfortranarray(np.arange(24.0).reshape(2, 3, 4)),
}
np.savez(os.path.join(HERE, "numpy.npz"), **ARRAYS)
np.savez_compressed(os.path.join(HERE, "numpy_compressed.npz"), **ARRAYS)
np.savez(os.path.join(HERE, "complex.npz"), z=np.zeros(2, dtype=np.complex64))
np.savez(os.path.join(HERE, "objects.npz"), o=np.array([{}], dtype=object))
