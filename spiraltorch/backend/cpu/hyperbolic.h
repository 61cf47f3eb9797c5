// The kernels of the Poincaré ball: what they compute stands at the functions of geometry/ball.h. c =
// -curvature is one float64 or one a row; outputs without memory are left out.
#pragma once

#include "spiraltorch/backend/families.h"
#include "spiraltorch/backend/view.h"

namespace st::cpu {

/// One map of rows x (and y, v), with a number s a row where the map takes one. `kept`: two numbers a row for
/// backward, or none.
void hyperbolic(HyperbolicMap map, In x, In y, In v, In c, In s, Out z, Out kept);
void hyperbolic_backward(HyperbolicMap map, In x, In y, In v, In c, In s, In kept, In dz, Out dx, Out dy,
                         Out dv, Out dc, Out ds);
void hyperbolic_cdist(In x, In y, double c, Out z);
void hyperbolic_cdist_backward(In x, In y, double c, In dz, Out dx, Out dy, Out dc);
void hyperbolic_mlr(In x, In z, In r, double c, Out y, Out p);
void hyperbolic_mlr_backward(In x, In z, In r, double c, In p, In dy, Out dx, Out dz, Out dr, Out dc);
void hyperbolic_matvec(In m, In x, In c, Out z);
void hyperbolic_matvec_backward(In m, In x, In c, In dz, Out dm, Out dx, Out dc);
void hyperbolic_midpoint(In x, In w, In c, Out m);
void hyperbolic_midpoint_backward(In x, In w, In c, In dm, Out dx, Out dw, Out dc);

}  // namespace st::cpu
