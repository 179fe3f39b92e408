// Paths on Windows: ours are UTF-8, the system's UTF-16 with a prefix.
#include <algorithm>

#include "os/windows.h"

namespace holdfast::os {

std::wstring ToWide(const std::string& path) {
  std::wstring wide(path.size(), L'\0');  // never more units than bytes
  const int length = ::MultiByteToWideChar(CP_UTF8, 0, path.data(), static_cast<int>(path.size()),
                                           wide.data(), static_cast<int>(wide.size()));
  wide.resize(static_cast<size_t>(length));
  std::replace(wide.begin(), wide.end(), L'/', L'\\');
  // `\\?\` and `\\.\` stay as they are; a share is `\\?\UNC\server\share`.
  if (wide.compare(0, 4, L"\\\\?\\") == 0 || wide.compare(0, 4, L"\\\\.\\") == 0) return wide;
  if (wide.compare(0, 2, L"\\\\") == 0) return L"\\\\?\\UNC" + wide.substr(1);
  return L"\\\\?\\" + wide;
}

std::string ToUtf8(const wchar_t* text, size_t length) {
  std::string bytes(length * 3, '\0');
  const int count = ::WideCharToMultiByte(CP_UTF8, 0, text, static_cast<int>(length), bytes.data(),
                                          static_cast<int>(bytes.size()), nullptr, nullptr);
  bytes.resize(static_cast<size_t>(count));
  return bytes;
}

}  // namespace holdfast::os
