{
  "targets": [
    {
      "target_name": "holdfast",
      "dependencies": ["holdfast_sources"],
      "sources": [
        "native/append/batch_writer.cc",
        "native/append/chronicle_file.cc",
        "native/append/durable_end.cc",
        "native/append/gathering.cc",
        "native/append/group.cc",
        "native/append/judge.cc",
        "native/append/shared_sync.cc",
        "native/append/writer_thread.cc",
        "native/binding/addon.cc",
        "native/binding/environment.cc",
        "native/binding/events.cc",
        "native/binding/fence.cc",
        "native/binding/files.cc",
        "native/binding/holders.cc",
        "native/binding/lines.cc",
        "native/binding/locks.cc",
        "native/binding/protocol.cc",
        "native/binding/replacement.cc",
        "native/binding/values.cc",
        "native/binding/writer.cc",
        "native/binding/writer_reply.cc",
        "native/chain/chain.cc",
        "native/chain/link.cc",
        "native/chain/sha256.cc",
        "native/chain/sha256_instructions.cc",
        "native/dedupe/hash.cc",
        "native/dedupe/recent_ids.cc",
        "native/dedupe/id_table.cc",
        "native/dedupe/ids_file.cc",
        "native/dedupe/known_events.cc",
        "native/dedupe/id_finder.cc",
        "native/dedupe/line_walker.cc",
        "native/dedupe/mark.cc",
        "native/event/plain_json.cc",
        "native/files/age.cc",
        "native/files/housekeeping.cc",
        "native/files/names.cc",
        "native/files/replacement.cc",
        "native/files/rotated_files.cc",
        "native/files/rotation.cc",
        "native/files/succession.cc",
        "native/files/temporary.cc",
        "native/lock/descriptor_lock.cc",
        "native/lock/fence.cc",
        "native/lock/held_lock.cc",
        "native/lock/holders.cc",
        "native/lock/idle_files.cc",
        "native/lock/named_file.cc",
        "native/lock/owner.cc",
        "native/lock/wait_queue.cc",
        "native/lock/waiting_mark.cc",
        "native/os/thread_pool.cc",
        "native/read/line_array.cc"
      ],
      "include_dirs": ["<!@(node -p \"require('node-addon-api').include\")", "native"],
      "defines": ["NDEBUG", "NAPI_VERSION=8", "NODE_ADDON_API_CPP_EXCEPTIONS_ALL", "NODE_ADDON_API_DISABLE_DEPRECATED", "NODE_API_SWALLOW_UNTHROWABLE_EXCEPTIONS"],
      "cflags": ["-Wall", "-Wextra", "-Werror", "-fvisibility=hidden", "-fstack-protector-strong", "-U_FORTIFY_SOURCE", "-D_FORTIFY_SOURCE=2"],
      "cflags!": ["-Wno-unused-parameter"],
      "cflags_cc": ["-std=c++17", "-fexceptions"],
      "cflags_cc!": ["-fno-exceptions", "-std=gnu++17", "-std=gnu++20"],
      "xcode_settings": {
        "CLANG_CXX_LANGUAGE_STANDARD": "c++17",
        "GCC_ENABLE_CPP_EXCEPTIONS": "YES",
        "GCC_SYMBOLS_PRIVATE_EXTERN": "YES",
        "MACOSX_DEPLOYMENT_TARGET": "12.0",
        "OTHER_CFLAGS": ["-Wall", "-Wextra", "-Werror", "-fstack-protector-strong", "-U_FORTIFY_SOURCE", "-D_FORTIFY_SOURCE=2"]
      },
      "msvs_settings": {
        "VCCLCompilerTool": { "ExceptionHandling": 1, "AdditionalOptions": ["/std:c++17", "/utf-8"] }
      },
      "conditions": [
        ["OS!='win'", {
          "sources": [
            "native/lock/fcntl.cc",
            "native/lock/flock.cc",
            "native/lock/interrupt_posix.cc",
            "native/os/attribute_posix.cc",
            "native/os/beside_posix.cc",
            "native/os/directory_posix.cc",
            "native/os/file_posix.cc",
            "native/os/library_posix.cc",
            "native/os/open_posix.cc",
            "native/os/pipe_posix.cc",
            "native/os/rights_posix.cc",
            "native/os/random_posix.cc",
            "native/os/system_calls.cc",
            "native/os/thread_posix.cc"
          ]
        }],
        ["OS=='win'", {
          "sources": [
            "native/lock/interrupt_windows.cc",
            "native/lock/late_grants_windows.cc",
            "native/lock/lock_file_ex_windows.cc",
            "native/os/attribute_windows.cc",
            "native/os/beside_windows.cc",
            "native/os/directory_windows.cc",
            "native/os/errors_windows.cc",
            "native/os/file_windows.cc",
            "native/os/library_windows.cc",
            "native/os/node_windows.cc",
            "native/os/paths_windows.cc",
            "native/os/pipe_windows.cc",
            "native/os/rights_windows.cc",
            "native/os/random_windows.cc",
            "native/os/thread_windows.cc"
          ]
        }],
        ["OS=='linux'", {
          "sources": ["native/os/glibc_compat.cc"],
          "ldflags": ["-Wl,--version-script=<(module_root_dir)/native/exports.map", "-Wl,-z,relro,-z,now,-z,noexecstack"]
        }]
      ]
    },
    {
      "target_name": "holdfast_sources",
      "type": "static_library",
      "sources": ["native/binding/sources.cc"],
      "include_dirs": ["native"],
      "defines": ["HOLDFAST_SOURCES=\"<!(node scripts/native-hash.cjs)\""]
    }
  ]
}
