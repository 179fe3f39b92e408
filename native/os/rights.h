// Who may do what with a file: its owner, its group, its permissions and its access control list (ACL).
#ifndef HOLDFAST_OS_RIGHTS_H_
#define HOLDFAST_OS_RIGHTS_H_

#include "os/file.h"

namespace holdfast::os {

// Gives the file `to` the rights of the file `from`, as far as this user may. Both are open, so no name is
// looked at, which somebody else might give to another file meanwhile. set-user-ID, set-group-ID and sticky
// bits are never passed on.
//
// `whole` tells whether `to` has now all that `from` has. If not, it has less: nobody can open it who could
// not open `from`, but its new owner. So `to` should be open to nobody else before.
//
// On Linux that are the owner, the group, the permissions and the ACL (POSIX, or of NFS 4); on macOS the ACL
// of macOS in the place of the last. On Windows it is the access control list, and the attribute "read-only",
// but not the owner, which none but an administrator can give away. `from` may have been opened with O_PATH.
Error CopyRights(const File& from, const File& to, bool* whole);

}  // namespace holdfast::os

#endif  // HOLDFAST_OS_RIGHTS_H_
