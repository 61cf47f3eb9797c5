# How every file of the project is compiled. Target spiraltorch_flags carries it; what is installed does not.
if(NOT CMAKE_BUILD_TYPE AND NOT CMAKE_CONFIGURATION_TYPES)
  set(CMAKE_BUILD_TYPE Release CACHE STRING "Build type" FORCE)
endif()

set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
# What stands in a public header's `namespace [[gnu::visibility("default")]] st` is visible, the rest hidden. Clang takes
# the functions of that namespace for hidden where they are defined outside of it: there everything is visible.
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  set(CMAKE_CXX_VISIBILITY_PRESET hidden)
  set(CMAKE_VISIBILITY_INLINES_HIDDEN ON)
endif()
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)

# ccache, where it is installed; its base directory makes one cache serve all checkouts of the project.
find_program(SPIRALTORCH_CCACHE ccache)
mark_as_advanced(SPIRALTORCH_CCACHE)
if(SPIRALTORCH_CCACHE AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  set(CMAKE_CXX_COMPILER_LAUNCHER env CCACHE_BASEDIR=${PROJECT_SOURCE_DIR} ${SPIRALTORCH_CCACHE})
endif()

add_library(spiraltorch_flags INTERFACE)
# No contraction: a*b + c is the same number in every file and for every SIMD target; kernels ask for FMA by name.
# -ffast-math has no place here: NaN and Inf must arrive where they are looked for.
# -Wrestrict: GCC 12 warns falsely of "text" + std::string (its bug 105651).
target_compile_options(spiraltorch_flags INTERFACE -Wall -Wextra -ffp-contract=off
                       $<$<CXX_COMPILER_ID:GNU>:-Wno-restrict>)
if(SPIRALTORCH_WERROR)
  target_compile_options(spiraltorch_flags INTERFACE -Werror)
endif()
if(SPIRALTORCH_NATIVE)
  target_compile_options(spiraltorch_flags INTERFACE -march=native)
  target_compile_definitions(spiraltorch_flags INTERFACE HWY_COMPILE_ONLY_STATIC)
endif()
if(SPIRALTORCH_SANITIZE)
  target_compile_options(spiraltorch_flags INTERFACE -fsanitize=${SPIRALTORCH_SANITIZE} -fno-sanitize-recover=all
                                                     -fno-omit-frame-pointer
                         $<$<CXX_COMPILER_ID:GNU>:-Wno-maybe-uninitialized>)  # GCC says itself that sanitizers make it warn falsely
  target_link_options(spiraltorch_flags INTERFACE -fsanitize=${SPIRALTORCH_SANITIZE})
endif()
if(SPIRALTORCH_FUZZ)
  target_compile_options(spiraltorch_flags INTERFACE -fsanitize=fuzzer-no-link)
endif()
if(NOT SPIRALTORCH_OPENMP)
  target_compile_definitions(spiraltorch_flags INTERFACE SPIRALTORCH_NO_OPENMP)
endif()
