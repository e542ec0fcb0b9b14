#ifdef __linux__
// A C target and not a system library: _GNU_SOURCE in a module's header clashes with Glibc's
// fd_set.
#define _GNU_SOURCE
#include "CLinux.h"
#include <sys/socket.h>

int kv_accept4(int listener) { return accept4(listener, 0, 0, SOCK_NONBLOCK | SOCK_CLOEXEC); }
#endif
