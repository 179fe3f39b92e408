# The addon as a test build: the sources of native/, with every entry of the table of system calls wrapped by probe.cc.
# Nothing of it is shipped. Processes of tests load it in place of the package's (test/support/other-addon.ts).
{
  "targets": [
    {
      "target_name": "holdfast",
      "sources": ["<!@(node rooms.cjs)", "probe.cc"],
      "include_dirs": ["<!@(node -p \"require('node-addon-api').include\")", "../../native"],
      "defines": ["NAPI_VERSION=8", "NODE_ADDON_API_CPP_EXCEPTIONS_ALL", "NODE_ADDON_API_DISABLE_DEPRECATED", "NODE_API_SWALLOW_UNTHROWABLE_EXCEPTIONS", "HOLDFAST_SOURCES=\"test\"",
                  # Strings allocate in here, not in libstdc++, so that their allocations fail as well.
                  "_GLIBCXX_EXTERN_TEMPLATE=0"],
      "cflags": ["-Wall", "-Wextra", "-Werror", "-fvisibility=hidden"],
      "cflags!": ["-Wno-unused-parameter", "-O3"],
      "cflags_cc": ["-std=c++17", "-fexceptions", "-O1"],
      "libraries": ["-ldl"],
      # The allocation functions of probe.cc are for the addon only.
      "ldflags": ["-Wl,-Bsymbolic"],
      "cflags_cc!": ["-fno-exceptions", "-std=gnu++17", "-std=gnu++20"]
    }
  ]
}
