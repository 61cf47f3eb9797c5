"""Reads with NumPy and TensorBoard what tests/files/write_files.cpp wrote: read_files.py WRITE_FILES
Exits with 77, which ctest shows as skipped, where one of the packages is not installed; `make parity` installs them."""
import subprocess
import sys
import tempfile

try:
    import numpy as np
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
except ImportError as missing:
    print("skipped:", missing)
    sys.exit(77)

with tempfile.TemporaryDirectory() as folder:
    subprocess.run([sys.argv[1], folder], check=True)
    x = np.arange(6.0).reshape(2, 3)
    expected = {
        "fc1.weight": x.T, "float": x.astype(np.float32) * np.float32(0.1), "half": x.astype(np.float16),
        "long": x.astype(np.int64), "int": x.astype(np.int32), "byte": x.astype(np.uint8),
        "flag": np.array([True, False]), "scalar": np.float32(2.5), "none": np.zeros((0, 3), np.float32),
        "a/b": np.zeros(1, np.float32)}
    for name in ("stored.npz", "deflated.npz"):
        with np.load(f"{folder}/{name}") as arrays:
            assert list(arrays.files) == list(expected), arrays.files
            for key, value in expected.items():
                assert arrays[key].dtype == value.dtype and arrays[key].shape == value.shape, (key, arrays[key].dtype)
                assert np.array_equal(arrays[key], value), key
    with np.load(f"{folder}/nothing.npz") as arrays:
        assert arrays.files == []

    events = EventAccumulator(folder).Reload()
    assert events.file_version == 2.0
    loss, accuracy = events.Scalars("train/loss"), events.Scalars("test/accuracy")
    assert [e.step for e in loss] == list(range(1, 301))
    assert all(e.value == np.float32(1 / e.step) and e.wall_time > 1.6e9 for e in loss)
    assert [(e.step, e.value) for e in accuracy] == [(s, np.float32(s / 300)) for s in (100, 200, 300)]
print("NumPy and TensorBoard read our files")
