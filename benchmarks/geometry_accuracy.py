"""geoopt's maps of the Poincaré ball in float32 against mpmath, on pairs drawn as tests/geometry/ball_oracle.h
draws them. The table of ours is printed by: test_geometry --gtest_filter=BallAccuracy.Float32AgainstLongDouble

python benchmarks/geometry_accuracy.py        (needs torch, geoopt and mpmath)
"""
import statistics

import geoopt
import mpmath as mp
import torch

mp.mp.dps = 50
WIDTH, REPEATS = 10, 5
BALL = geoopt.PoincareBall(c=1.0)


def dot(a, b):
    return mp.fsum(p * q for p, q in zip(a, b))


def combined(s, a, t, b):
    return [s * p + t * q for p, q in zip(a, b)]


def norm(a):
    return mp.sqrt(dot(a, a))


def mobius_add(x, y):
    xy, xx, yy = dot(x, y), dot(x, x), dot(y, y)
    den = 1 + 2 * xy + xx * yy
    return combined((1 + 2 * xy + yy) / den, x, (1 - xx) / den, y)


def expmap(x, v):
    length = norm(v)
    return mobius_add(x, [mp.tanh(length / (1 - dot(x, x))) / length * e for e in v])


def logmap(x, y):
    m = mobius_add([-e for e in x], y)
    length = norm(m)
    return [(1 - dot(x, x)) * mp.atanh(length) / length * e for e in m]


def dist(x, y):
    return [2 * mp.atanh(norm(mobius_add([-e for e in x], y)))]


def transport(x, y, v):
    b = [-e for e in x]
    av, bv, ab, aa, bb = dot(y, v), dot(b, v), dot(y, b), dot(y, y), dot(b, b)
    alpha, beta = -av * bb + bv + 2 * ab * bv, -bv * aa - av
    turned = combined(1, v, 2 / (1 + 2 * ab + aa * bb), combined(alpha, y, beta, b))
    return [(1 - aa) / (1 - bb) * e for e in turned]


MAPS = {
    "dist": (lambda x, y, v, u: BALL.dist(x, y, keepdim=True), lambda x, y, v, u: dist(x, y), False),
    "logmap": (lambda x, y, v, u: BALL.logmap(x, y), lambda x, y, v, u: logmap(x, y), False),
    "expmap": (lambda x, y, v, u: BALL.expmap(x, v), lambda x, y, v, u: expmap(x, v), True),
    "transport": (lambda x, y, v, u: BALL.transp(x, y, u), lambda x, y, v, u: transport(x, y, u), False),
    "along": (lambda x, y, v, u: BALL.transp(x, y, v), lambda x, y, v, u: transport(x, y, v), False),
    "mobius_add": (lambda x, y, v, u: BALL.mobius_add(-x, y), lambda x, y, v, u: mobius_add([-e for e in x], y), True),
}


def main():
    torch.manual_seed(7)
    exact = lambda t: [mp.mpf(e) for e in t.tolist()]

    def direction():
        u = torch.randn(WIDTH, dtype=torch.float64)
        return u / u.norm()

    pairs = []
    for radius in (0.1, 0.5, 1, 2, 4, 6, 8, 10):
        for separation in (1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 0.1, 1, 3, 6, 10):
            for _ in range(REPEATS):
                x = (torch.tanh(torch.tensor(radius / 2, dtype=torch.float64)) * direction()).float()
                length = separation * float(1 - dot(exact(x), exact(x))) / 2
                v, u = (direction() * length).float(), (direction() * length).float()
                y = torch.tensor([float(e) for e in expmap(exact(x), exact(v))], dtype=torch.float64).float()
                inside = norm(exact(y)) < 1 and 2 * mp.atanh(norm(exact(y))) <= 16
                if inside and not torch.equal(x, y):
                    pairs.append((radius, separation, x, y, v, u))
    for name, (f, truth, is_point) in MAPS.items():
        errors = {}
        for radius, separation, x, y, v, u in pairs:
            t = truth(exact(x), exact(y), exact(v), exact(u))
            if norm(t) == 0 or (is_point and 2 * mp.atanh(norm(t)) > 16):
                continue
            z = exact(f(x, y, v, u))
            error = float(norm(combined(1, z, -1, t)) / norm(t)) if all(mp.isfinite(e) for e in z) else float("inf")
            errors.setdefault((radius, separation), []).append(error)
        every = [e for cell in errors.values() for e in cell]
        cells = [f"r = {r}, 1e-3 apart: {statistics.median(errors[r, 1e-3]):.1e}" for r in (1, 6, 10) if (r, 1e-3) in errors]
        print(f"{name:10} {len(every):5} pairs: median {statistics.median(every):.1e}  worst {max(every):.1e}  {'  '.join(cells)}")


if __name__ == "__main__":
    main()
