#if canImport(Glibc)
  internal import Glibc
#else
  internal import Darwin
#endif

/// What a process asks of the operating system at its start, so that nothing ends it by accident.
package enum ProcessPrecautions {
  /// Lets no connection or pipe that was closed at its other end stop the process.
  ///
  /// A write to such a one raises SIGPIPE, which ends a process that does not expect it. The sockets
  /// of `EventLoop` prevent that with MSG_NOSIGNAL, but hiredis sends without it, OpenSSL writes for
  /// libpq and librabbitmq with write(2), and so does the log: a Redis that is restarted, or a log
  /// whose reader has ended, would take the process with it. Once the signal is ignored, each of
  /// these calls fails with EPIPE, which all callers treat as a lost connection.
  ///
  /// An ignored signal stays ignored in a program that is started (execve(2)); the commands of
  /// kv-autoscaler are started by Subprocess, which resets all signals.
  package static func ignoreBrokenPipes() { _ = signal(SIGPIPE, SIG_IGN) }
}
