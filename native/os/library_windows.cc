// The addon as a loaded library, on Windows.
#include "os/library.h"
#include "os/windows.h"

namespace holdfast::os {

void KeepLibraryLoaded() {
  HMODULE pinned = nullptr;
  ::GetModuleHandleExW(GET_MODULE_HANDLE_EX_FLAG_PIN | GET_MODULE_HANDLE_EX_FLAG_FROM_ADDRESS,
                       reinterpret_cast<const wchar_t*>(&KeepLibraryLoaded), &pinned);
}

}  // namespace holdfast::os
