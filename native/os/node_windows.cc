// The program that loaded the addon, on Windows: where Node-API is found, and Node's file descriptors.
//
// An import library names its file, node.exe, and a renamed program, Electron, Bun and Deno are others. So
// Node-API is linked for delayed loading, and the helper is told at the first call where it is. (Where
// Microsoft's compiler builds the addon, node-gyp adds the same.)
#include "os/file.h"
#include "os/windows.h"

#ifdef __MINGW32__
#include <delayimp.h>
#include <string.h>
#endif

namespace holdfast::os {
namespace {

// A build of Node or of Electron may keep its code in a library beside the program.
HMODULE Host() {
  for (const wchar_t* name : {L"libnode.dll", L"node.dll"}) {
    if (const HMODULE library = ::GetModuleHandleW(name)) return library;
  }
  return ::GetModuleHandleW(nullptr);
}

#ifdef __MINGW32__
FARPROC WINAPI FindHost(unsigned event, PDelayLoadInfo info) {
  const bool ours = event == dliNotePreLoadLibrary && ::_stricmp(info->szDll, "node.exe") == 0;
  return ours ? reinterpret_cast<FARPROC>(Host()) : nullptr;
}
#endif

}  // namespace

File::Handle File::OfDescriptor(int number) {
  // Descriptors are those of Node's C library, which is not ours.
  using Find = HANDLE (*)(int);
  static const auto find =
      reinterpret_cast<Find>(reinterpret_cast<void*>(::GetProcAddress(Host(), "uv_get_osfhandle")));
  return find == nullptr ? INVALID_HANDLE_VALUE : find(number);
}

int File::ReleaseDescriptor() {
  Close();
  return -1;
}

}  // namespace holdfast::os

#ifdef __MINGW32__
PfnDliHook __pfnDliNotifyHook2 = holdfast::os::FindHost;
#endif
