"""The tool from outside, on the small sample of MNIST: tool_test.py TOOL SAMPLE
What is interrupted and resumed must end with the same bits as what ran through. Needs nothing but Python."""
import json
import os
import pathlib
import signal
import struct
import subprocess
import sys
import tempfile
import time
import unittest

TOOL, SAMPLE = sys.argv[1], sys.argv[2]


def tool(*args, code=0):
    """Runs the tool; returns what it wrote. Its exit code must be `code`, and an error one line."""
    done = subprocess.run([TOOL, *map(str, args)], capture_output=True, text=True, timeout=300)
    assert done.returncode == code, (args, done.returncode, done.stdout, done.stderr)
    if code in (1, 2):
        assert done.stderr.count("\n") == 1 and done.stderr.startswith("spiraltorch: "), done.stderr
        return done.stderr
    return done.stdout


def train(out, *more, model="mlp", code=0):
    return tool("train", "--data", SAMPLE, "--model", model, "--batch", 50, "--threads", 1, "--out", out, *more, code=code)


def event_steps(path):
    """Length-checked walk over the records of an event file: how many there are."""
    data, at, count = path.read_bytes(), 0, 0
    while at < len(data):
        at += 16 + struct.unpack_from("<Q", data, at)[0]
        count += 1
    assert at == len(data)
    return count


class Tool(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        self.dir = pathlib.Path(self.folder.name)

    def interrupted(self, model, signals, *more):
        """A run that is stopped in the middle, after its first checkpoint, and the exit code it gave."""
        out = self.dir / "interrupted"
        child = subprocess.Popen([TOOL, "train", "--data", SAMPLE, "--model", model, "--batch", "50", "--threads", "1",
                                  "--out", str(out), *more], stdout=subprocess.PIPE, text=True)
        while not (out / "checkpoint.safetensors").exists():
            assert child.poll() is None
            time.sleep(0.001)
        time.sleep(0.02)
        for s in signals:
            child.send_signal(s)
        text = child.communicate(timeout=300)[0]
        return out, child.returncode, text

    def same_end(self, a, b):
        for name in ("model.safetensors",):
            self.assertEqual((a / name).read_bytes(), (b / name).read_bytes())
        untimed = lambda f: [{k: v for k, v in json.loads(line).items() if k not in ("seconds", "images_per_second")}
                             for line in f.read_text().splitlines()]
        self.assertEqual(untimed(a / "metrics.jsonl"), untimed(b / "metrics.jsonl"))
        self.assertEqual(event_steps(a / "events.out.tfevents.spiraltorch"),
                         event_steps(b / "events.out.tfevents.spiraltorch"))

    def test_run_folder(self):
        out = self.dir / "run"
        text = train(out, "--epochs", 3)
        self.assertIn("test accuracy", text)
        names = {p.name for p in out.iterdir()}
        self.assertEqual(names, {"config.json", "model.safetensors", "checkpoint.safetensors", "metrics.jsonl",
                                 "events.out.tfevents.spiraltorch"})
        self.assertEqual(len((out / "metrics.jsonl").read_text().splitlines()), 3)
        self.assertEqual(json.loads((out / "config.json").read_text())["mode"], "euclidean")
        text = tool("evaluate", "--run", out)
        for word in ("test accuracy", "confusion", "precision", "recall"):
            self.assertIn(word, text)
        text = tool("inspect", out / "model.safetensors")
        self.assertIn("fc1.weight", text)
        self.assertIn("(512, 784)", text)
        self.assertNotIn("NaN", text)
        self.assertIn("holds a run already", train(out, code=1))
        train(out, "--overwrite", "--epochs", 1)
        self.assertEqual(len((out / "metrics.jsonl").read_text().splitlines()), 1)

    def test_every_mode_and_rule(self):
        for mode in ("euclidean", "realgrad", "hypergrad"):
            for rule in ("plain", "momentum", "adam"):
                out = self.dir / (mode + rule)
                train(out, "--mode", mode, "--rule", rule, "--epochs", 2)
                losses = [json.loads(line)["train_loss"] for line in (out / "metrics.jsonl").read_text().splitlines()]
                self.assertLess(losses[1], losses[0], (mode, rule))

    def test_ctrl_c_then_resume(self):
        for model in ("mlp", "cnn", "lstm"):
            with self.subTest(model):
                whole = self.dir / ("whole" + model)
                train(whole, "--epochs", 12, model=model)
                out, code, text = self.interrupted(model, [signal.SIGINT], "--epochs", "12", "--overwrite")
                self.assertEqual(code, 130)
                self.assertIn("--resume", text)
                tool("train", "--resume", "--out", out)
                self.same_end(whole, out)
                before = (out / "model.safetensors").read_bytes()
                tool("train", "--resume", "--out", out)  # all is done: nothing changes
                self.assertEqual((out / "model.safetensors").read_bytes(), before)
                for file in out.iterdir():
                    file.unlink()
                out.rmdir()

    def test_kill_then_resume(self):
        whole = self.dir / "whole"
        train(whole, "--epochs", 12)
        out, code, _ = self.interrupted("mlp", [signal.SIGKILL], "--epochs", "12")
        self.assertEqual(code, -signal.SIGKILL)
        tool("train", "--resume", "--out", out)
        self.same_end(whole, out)

    def test_killed_before_the_first_checkpoint(self):
        whole = self.dir / "whole"
        train(whole, "--epochs", 2)
        out = self.dir / "early"
        train(out, "--epochs", 2)
        (out / "checkpoint.safetensors").unlink()
        (out / "model.safetensors").unlink()
        tool("train", "--resume", "--out", out)
        self.same_end(whole, out)

    def test_second_ctrl_c_leaves(self):
        out, code, _ = self.interrupted("mlp", [signal.SIGINT, signal.SIGINT], "--epochs", "2000")
        self.assertEqual(code, 130)
        tool("inspect", out / "checkpoint.safetensors")  # whole

    def test_explain(self):
        out = self.dir / "run"
        train(out, "--epochs", 1, model="cnn")
        picture = self.dir / "sheet.png"
        tool("explain", "--run", out, "--layer", "conv1", "--out", picture)
        self.assertTrue(picture.read_bytes().startswith(b"\x89PNG"))
        train(out, "--epochs", 1, "--overwrite", model="lstm")
        self.assertTrue((out / "gradcam.png").exists())
        picture = self.dir / "sheet.png"
        tool("explain", "--run", out, "--images", 5, "--out", picture)
        self.assertTrue(picture.read_bytes().startswith(b"\x89PNG"))
        self.assertIn('no layer "no"', tool("explain", "--run", out, "--layer", "no", "--out", picture, code=1))
        self.assertIn("cannot write", tool("explain", "--run", out, "--out", self.dir / "no/x.png", code=1))
        train(out, "--epochs", 1, "--overwrite")
        self.assertIn("no places", tool("explain", "--run", out, "--out", picture, code=1))

    def test_summary(self):
        self.assertIn("Linear", tool("summary", "--model", "mlp"))
        self.assertIn("(1, 28, 128)", tool("summary", "--model", "lstm"))
        self.assertIn("(1, 64, 14, 14)", tool("summary", "--model", "cnn"))
        self.assertIn("Mlr", tool("summary", "--model", "cnn"))
        self.assertNotIn("Mlr", tool("summary", "--model", "mlp"))
        self.assertIn("Mlr", tool("summary", "--model", "mlp", "--mode", "hypergrad"))

    def test_inspect_marks_nan(self):
        file = self.dir / "x.safetensors"
        header = json.dumps({"w": {"dtype": "F32", "shape": [3], "data_offsets": [0, 12]}}).encode()
        header += b" " * (-len(header) % 8)
        data = struct.pack("<3f", 1.0, float("nan"), float("inf"))
        file.write_bytes(struct.pack("<Q", len(header)) + header + data)
        text = tool("inspect", file)
        self.assertIn("NaN: 1", text)
        self.assertIn("Inf: 1", text)

    def test_wrong_calls(self):
        out = self.dir / "run"
        for args in (["train", "--model", "no"], ["train", "--epochs", "0"], ["train", "--curvature", "1"],
                     ["train", "--mode", "flat"], ["train", "--resume", "--lr", "1"], ["train", "--lr", "nan"],
                     ["summary"], ["evaluate"], ["explain", "--run", "x"], ["inspect"], ["nothing"], []):
            tool(*args, code=2)
        self.assertIn("has neither", tool("train", "--data", self.dir / "no", "--out", out, code=1))
        self.assertIn("--batch is 401", tool("train", "--data", SAMPLE, "--batch", 401, "--out", out, code=1))
        self.assertIn("less than", train(out, "--warmup", "100000", code=1))
        self.assertFalse(out.exists())
        self.assertIn("config.json", tool("train", "--resume", "--out", out, code=1))
        self.assertIn("config.json", tool("evaluate", "--run", out, code=1))
        self.assertIn("cannot open", tool("inspect", out, code=1))

    def test_checkpoint_of_a_place_that_is_not_there(self):
        out = self.dir / "run"
        train(out, "--epochs", 1)
        checkpoint = out / "checkpoint.safetensors"
        data = checkpoint.read_bytes()
        size = int.from_bytes(data[:8], "little")
        for name, value in (("batch", 1 << 40), ("step", -1)):
            begin, end = json.loads(data[8:8 + size])["place." + name]["data_offsets"]
            changed = bytearray(data)
            changed[8 + size + begin:8 + size + end] = value.to_bytes(8, "little", signed=True)
            checkpoint.write_bytes(changed)
            self.assertIn(f"place.{name} is {value}", tool("train", "--resume", "--out", out, code=1))

    def test_broken_checkpoint(self):
        out = self.dir / "run"
        train(out, "--epochs", 1)
        (out / "checkpoint.safetensors").write_bytes((out / "model.safetensors").read_bytes())
        self.assertIn("no checkpoint of this run", tool("train", "--resume", "--out", out, code=1))
        data = (out / "model.safetensors").read_bytes()
        (out / "model.safetensors").write_bytes(data[:-10])
        self.assertIn("model.safetensors", tool("evaluate", "--run", out, code=1))

    @unittest.skipIf(os.geteuid() == 0, "root may write anywhere")
    def test_read_only_folder(self):
        os.chmod(self.dir, 0o500)
        self.assertIn("Permission denied", train(self.dir / "run", code=1))


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
