# What `cmake --install` puts below a prefix, which may be moved afterwards: library, public headers, tool, and the
# package files by which find_package(spiraltorch) finds them.
include(CMakePackageConfigHelpers)
set(package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/spiraltorch)

install(TARGETS spiraltorch EXPORT spiraltorchTargets)
install(DIRECTORY ${PROJECT_SOURCE_DIR}/spiraltorch DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}
        FILES_MATCHING PATTERN *.h PATTERN *-inl.h EXCLUDE PATTERN backend/cpu EXCLUDE)
if(TARGET spiraltorch_tool)
  file(RELATIVE_PATH bin_to_lib ${CMAKE_INSTALL_FULL_BINDIR} ${CMAKE_INSTALL_FULL_LIBDIR})
  set_target_properties(spiraltorch_tool PROPERTIES INSTALL_RPATH "$ORIGIN/${bin_to_lib}")
  install(TARGETS spiraltorch_tool)
endif()

configure_package_config_file(${PROJECT_SOURCE_DIR}/cmake/spiraltorchConfig.cmake.in
                              ${PROJECT_BINARY_DIR}/spiraltorchConfig.cmake INSTALL_DESTINATION ${package_dir})
write_basic_package_version_file(${PROJECT_BINARY_DIR}/spiraltorchConfigVersion.cmake
                                 COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/spiraltorchConfig.cmake ${PROJECT_BINARY_DIR}/spiraltorchConfigVersion.cmake
        DESTINATION ${package_dir})
install(EXPORT spiraltorchTargets NAMESPACE spiraltorch:: DESTINATION ${package_dir})
if(NOT BUILD_SHARED_LIBS)
  install(FILES ${PROJECT_SOURCE_DIR}/cmake/FindOneDNN.cmake ${PROJECT_SOURCE_DIR}/cmake/FindLibZip.cmake DESTINATION ${package_dir})
endif()
