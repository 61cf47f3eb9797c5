"""Including the umbrella header costs at most 2 s of processor time: the best of up to ten, each beside a yardstick, the
standard headers that it needs. A quiet machine reads those in 0.7 s; where they take longer, the processor is shared with
others and the limit grows alike.   umbrella_time.py COMPILER INCLUDE_ROOT"""
import resource
import subprocess
import sys

LIMIT, YARDSTICK = 2.0, 0.7
compiler, root = sys.argv[1:]


def used(program):
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([compiler, "-std=c++20", "-fsyntax-only", "-I", root, "-x", "c++", "-"], check=True, text=True,
                   input=program)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


standard = "".join(f"#include <{name}>\n" for name in "array functional map memory optional span string tuple vector".split())
for attempt in range(10):
    yardstick = used(standard)
    cost = used("#include <spiraltorch/spiraltorch.h>\n")
    slower = max(1.0, yardstick / YARDSTICK)
    print(f"umbrella header: {cost:.2f} s, standard headers {yardstick:.2f} s (limit {LIMIT * slower:.2f} s)")
    if cost <= LIMIT * slower:
        sys.exit(0)
sys.exit(1)
