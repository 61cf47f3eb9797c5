#!/usr/bin/env python3
"""Minimax polynomials of spiraltorch/backend/cpu/simd/math-inl.h: prints every coefficient that stands there.

Remez's exchange in 50 digits. Each fit minimises max |weight(x) (g(x) - p(x))| for x in [a, b], where the weight
turns the error of p into the relative error of the function that p serves. Needs mpmath; takes a few minutes.
    python3 scripts/minimax.py [name]
"""
import sys

from mpmath import mp, mpf

mp.dps = 50


def remez(g, weight, a, b, degree, rounds=8, grid=1200):
    """Coefficients c[0..degree] of p and the largest weighted error reached on the grid."""
    a, b = mpf(a), mpf(b)
    count = degree + 2
    mid, half = (a + b) / 2, (b - a) / 2
    nodes = [mid - half * mp.cos(mp.pi * (2 * i + mpf("1.01")) / (2 * count)) for i in range(count)]
    xs = [mid - half * mp.cos(mp.pi * (i + mpf(1) / 2) / grid) for i in range(grid)]
    gs, ws = [g(x) for x in xs], [weight(x) for x in xs]
    for _ in range(rounds):
        rows = [[x**k for k in range(count - 1)] + [(-1) ** i / weight(x)] for i, x in enumerate(nodes)]
        solution = mp.lu_solve(mp.matrix(rows), mp.matrix([g(x) for x in nodes]))
        c = [solution[k] for k in range(count - 1)]
        error = [w * (y - mp.polyval(c[::-1], x)) for x, y, w in zip(xs, gs, ws)]
        extrema = []  # the largest error of each run of one sign
        for x, e in zip(xs, error):
            if extrema and (extrema[-1][1] > 0) == (e > 0):
                if abs(e) > abs(extrema[-1][1]):
                    extrema[-1] = (x, e)
            else:
                extrema.append((x, e))
        while len(extrema) > count:
            extrema.pop(0 if abs(extrema[0][1]) < abs(extrema[-1][1]) else -1)
        if len(extrema) < count:
            break
        nodes = [x for x, _ in extrema]
        sizes = [abs(e) for _, e in extrema]
        if max(sizes) - min(sizes) < max(sizes) * mpf("1e-3"):
            break
    return c, max(abs(e) for e in error)


ONE = lambda x: mpf(1)
exp_g = lambda r: (mp.expm1(r) - r) / r**2
exp_w = lambda r: r**2 / abs(mp.expm1(r))
log_g = lambda f: (mp.log1p(f) - f + f**2 / 2) / f**3
log_w = lambda f: abs(f**3 / mp.log1p(f))
odd = lambda h: (lambda z: (h(mp.sqrt(z)) - mp.sqrt(z)) / mp.sqrt(z) ** 3)  # h(x) = x + x^3 p(x^2)
odd_w = lambda h: (lambda z: abs(mp.sqrt(z) ** 3 / h(mp.sqrt(z))))
atanh2_g = lambda z: (mp.atanh(mp.sqrt(z)) / mp.sqrt(z) - 1) / z  # atanh(s) = s + s^3 p(s^2)
cos_g = lambda z: (mp.cos(mp.sqrt(z)) - 1 + z / 2) / z**2
cos_w = lambda z: z**2 / mp.cos(mp.sqrt(z))
erf_g = lambda z: mp.erf(mp.sqrt(z)) / mp.sqrt(z) - 1  # erf(x) = x + x p(x^2)
erf_w = lambda z: mp.sqrt(z) / mp.erf(mp.sqrt(z))
erfc_g = lambda c: (lambda u: -mp.log(mp.erfc(u + c)))  # erfc(a) = exp(-p(a - c))
erfc_w = lambda c: (lambda u: mp.erfc(u + c))  # absolute error of erf
# The tail of log in double-double: atanh(s) = s (1 + z (1/3 + z p(z))), z = s^2
pow_g = lambda z: ((mp.atanh(mp.sqrt(z)) / mp.sqrt(z) - 1) / z - mpf(1) / 3) / z

R = mp.log(2) / 2 * mpf("1.01")
FA, FB = mp.sqrt(mpf(1) / 2) - 1, mp.sqrt(mpf(2)) - 1
S = ((mp.sqrt(mpf(2)) - 1) / (mp.sqrt(mpf(2)) + 1)) ** 2 * mpf("1.001")
# The ball's atanh takes a power of two from a quotient by its operands' bits: 2^0.587 is what may remain
B = mp.tanh(mpf("0.587") * mp.log(2) / 2) ** 2
Q = (mp.pi / 4) ** 2 * mpf("1.01")
T = mpf("0.5625") ** 2

FITS = {
    "exp_float": (exp_g, exp_w, -R, R, 4),
    "expm1_float": (exp_g, exp_w, -R, R, 5),
    "exp_double": (exp_g, exp_w, -R, R, 9),
    "exp_pow_float": (exp_g, exp_w, -R, R, 5),
    "log_float": (log_g, log_w, FA, FB, 8),
    "atanh_double": (atanh2_g, ONE, 0, S, 6),
    "atanh_ball": (atanh2_g, ONE, 0, B, 7),
    "atanh_pow_float": (atanh2_g, ONE, 0, S, 3),
    "atanh_pow_double": (pow_g, ONE, 0, S, 7),
    "tanh_float": (odd(mp.tanh), odd_w(mp.tanh), 0, T, 4),
    "tanh_double": (odd(mp.tanh), odd_w(mp.tanh), 0, T, 9),
    "sin_float": (odd(mp.sin), odd_w(mp.sin), 0, Q, 2),
    "sin_double": (odd(mp.sin), odd_w(mp.sin), 0, Q, 5),
    "cos_float": (cos_g, cos_w, 0, Q, 2),
    "cos_double": (cos_g, cos_w, 0, Q, 5),
    "erf_float": (erf_g, erf_w, 0, 1, 6),
    "erf_double": (erf_g, erf_w, 0, 1, 12),
    "erfc_float": (erfc_g(1), erfc_w(1), 0, 3, 6),
    "erfc_double": (erfc_g(1), erfc_w(1), 0, 5, 19),
}

if __name__ == "__main__":
    for name, (g, w, a, b, degree) in FITS.items():
        if len(sys.argv) > 1 and not any(name.startswith(arg) for arg in sys.argv[1:]):
            continue
        tiny = mpf("1e-12") if a == 0 else mpf(a)  # the weights and g are limits at 0
        c, error = remez(g, w, tiny, b, degree)
        bits = -mp.log(error, 2)
        print(f"{name}: degree {degree}, error 2^-{mp.nstr(bits, 4)}")
        for k, value in enumerate(c):
            print("  ", mp.nstr(value, 10 if "float" in name and "pow" not in name else 18))
