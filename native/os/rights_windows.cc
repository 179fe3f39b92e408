// Rights of files on Windows.
#include "os/rights.h"
#include "os/windows.h"

namespace holdfast::os {

Error CopyRights(const File& from, const File& to, bool* whole) {
  FILE_BASIC_INFO old = {};
  FILE_BASIC_INFO now = {};
  if (::GetFileInformationByHandleEx(from.handle(), FileBasicInfo, &old, sizeof old) == 0 ||
      ::GetFileInformationByHandleEx(to.handle(), FileBasicInfo, &now, sizeof now) == 0) {
    return Failed("fstat");
  }
  *whole = true;
  if (((old.FileAttributes ^ now.FileAttributes) & FILE_ATTRIBUTE_READONLY) == 0) return {};
  FILE_BASIC_INFO changed = {};  // 0: a time stays as it is
  changed.FileAttributes = now.FileAttributes ^ FILE_ATTRIBUTE_READONLY;
  const BOOL done = ::SetFileInformationByHandle(to.handle(), FileBasicInfo, &changed, sizeof changed);
  return done != 0 ? Error{} : Failed("fchmod");
}

}  // namespace holdfast::os
