# Installs the built tree, moves the installation elsewhere, and there builds and runs a project that knows nothing but
# CMAKE_PREFIX_PATH; then the moved tool has to start.   cmake -D BUILD_DIR= -D CONFIG= -D VERSION= ... -P this file
set(work ${BUILD_DIR}/tests/install_test)
file(REMOVE_RECURSE ${work})
file(MAKE_DIRECTORY ${work})

function(run)
  execute_process(COMMAND ${ARGV} RESULT_VARIABLE result OUTPUT_VARIABLE output ERROR_VARIABLE output)
  if(NOT result EQUAL 0)
    list(JOIN ARGV " " command)
    message(FATAL_ERROR "${command}\nfailed (${result}):\n${output}")
  endif()
  set(output "${output}" PARENT_SCOPE)
endfunction()

run(${CMAKE_COMMAND} --install ${BUILD_DIR} --config "${CONFIG}" --prefix ${work}/first)
file(RENAME ${work}/first ${work}/moved)

foreach(private backend/cpu spiraltorch/backend/cpu)
  if(EXISTS ${work}/moved/include/spiraltorch/${private})
    message(FATAL_ERROR "a private folder was installed: ${private}")
  endif()
endforeach()
file(GLOB_RECURSE installed ${work}/moved/*.cmake)
foreach(file IN LISTS installed)
  file(STRINGS ${file} lines REGEX "${BUILD_DIR}|${work}")
  if(lines)
    message(FATAL_ERROR "${file} names the tree it came from: ${lines}")
  endif()
endforeach()

run(${CMAKE_COMMAND} -S ${CMAKE_CURRENT_LIST_DIR}/consumer -B ${work}/build -G ${GENERATOR}
    -D CMAKE_PREFIX_PATH=${work}/moved -D CMAKE_CXX_COMPILER=${COMPILER})
run(${CMAKE_COMMAND} --build ${work}/build)
run(${work}/build/consumer)
if(NOT output MATCHES "spiraltorch ${VERSION}\n1 . 2 = 3\ncaught: add: ")
  message(FATAL_ERROR "the consumer printed: ${output}")
endif()

if(EXISTS ${work}/moved/bin/spiraltorch)
  run(${work}/moved/bin/spiraltorch --help)
endif()
