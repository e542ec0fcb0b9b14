// Tells the Thread Sanitizer about the slow paths of Swift's Mutex. On Linux a Mutex is a
// priority-inheriting futex. The fast paths are atomics compiled into the caller, which the
// sanitizer sees. Under contention a system call in libswiftSynchronization hands the lock over,
// which the sanitizer does not see, so that it reports every use of a contended Mutex as a race.
// This library is loaded before that one (LD_PRELOAD) and replaces its slow paths.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdint.h>

#define LOCK_SLOW "$s15Synchronization12_MutexHandleV9_lockSlowyys6UInt32VF"
#define UNLOCK_SLOW "$s15Synchronization12_MutexHandleV11_unlockSlowyyF"

// Null in programs that are built without the sanitizer, such as the build system.
__attribute__((weak)) void __tsan_acquire(void *address);
__attribute__((weak)) void __tsan_release(void *address);

typedef __attribute__((swiftcall)) void lock_slow_function(
    uint32_t thread, __attribute__((swift_context)) void *mutex);
typedef __attribute__((swiftcall)) void unlock_slow_function(
    __attribute__((swift_context)) void *mutex);

lock_slow_function lock_slow __asm__(LOCK_SLOW);
unlock_slow_function unlock_slow __asm__(UNLOCK_SLOW);

__attribute__((swiftcall)) void lock_slow(
    uint32_t thread, __attribute__((swift_context)) void *mutex) {
  ((lock_slow_function *)dlsym(RTLD_NEXT, LOCK_SLOW))(thread, mutex);
  if (__tsan_acquire) __tsan_acquire(mutex);
}

__attribute__((swiftcall)) void unlock_slow(__attribute__((swift_context)) void *mutex) {
  if (__tsan_release) __tsan_release(mutex);
  ((unlock_slow_function *)dlsym(RTLD_NEXT, UNLOCK_SLOW))(mutex);
}
