# What the library is built on. All of it is private: a program that uses the shared library needs none of these.
find_package(Threads REQUIRED)
if(SPIRALTORCH_OPENMP)
  find_package(OpenMP REQUIRED COMPONENTS CXX)
endif()
find_package(OneDNN REQUIRED)  # cmake/FindOneDNN.cmake
find_package(hwy REQUIRED CONFIG)
find_package(fmt REQUIRED CONFIG)
find_package(nlohmann_json REQUIRED CONFIG)
find_package(PNG REQUIRED)
find_package(LibZip REQUIRED)  # cmake/FindLibZip.cmake
if(SPIRALTORCH_TOOL)
  find_package(CLI11 REQUIRED CONFIG)
  find_path(STB_INCLUDE_DIR stb/stb_easy_font.h REQUIRED)
endif()
if(SPIRALTORCH_TESTS)
  find_package(GTest REQUIRED)
endif()
