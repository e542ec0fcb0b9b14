internal import Basics

/// What a client may send through the API; HTTP's own bounds are `HTTPLimits`.
struct APILimits: Sendable {
  /// The largest value, in bytes. Default 1 MiB.
  var valueBytesMax = 1_048_576
  /// The largest batch, or document of the JSON form, in bytes. Default 8 MiB.
  var documentBytesMax = 8 << 20
  /// The largest document of a PATCH, in bytes. Default 64 KiB.
  var patchBytesMax = 64 << 10
  /// The most operations of a batch. Default 1,000.
  var operationsMax = 1_000
  /// The most bytes of values that the reads of one batch return. Default 8 MiB.
  var batchReadBytesMax = 8 << 20
  /// The largest page of a list, in entries. Default 1,000.
  var pageEntriesMax = 1_000
  /// The page of a list unless a client asks for another, in entries. Default 100.
  var pageEntries = 100
  /// The longest delimiter of a list, in bytes. Default 16.
  var delimiterBytesMax = 16
  /// The most keys that one request deletes by their prefix. Default 10,000.
  var removalEntriesMax = 10_000
  /// How many it deletes unless a client asks for another number. Default 1,000.
  var removalEntries = 1_000
  /// The most bytes of values on a page. Default 8 MiB.
  var pageBytesMax = 8 << 20
  /// The most bytes of a document with values, without its last entry: values can take several
  /// times their size in JSON. A page then ends early. Default 16 MiB.
  var answerBytesMax = 16 << 20
  /// How long a request waits for room for such a document, and how many of a loop's requests may
  /// wait. Default 2 s and 64.
  var roomWait = Duration.seconds(2)
  var roomWaitersMax = 64
  /// The longest that `Prefer: wait` makes the server wait, in seconds. Default 30.
  var waitSecondsMax = 30
  /// For how long a DELETE in the JSON form checks whether a missing key is just being written, in
  /// milliseconds. Default 100.
  var missingKeyPollMilliseconds = 100
  /// How long it then waits for the writes that are queued before it, in seconds. Default 2.
  var missingKeyWaitSeconds = 2
  /// The most watchers of the process. Default 10,000.
  var watchersMax = 10_000
  /// After so long a silence, a watcher is sent a comment, which keeps proxies from ending the
  /// connection. Default 15 s.
  var watchCommentInterval = Duration.seconds(15)
  /// The longest content type, in bytes. Default 255.
  var contentTypeBytesMax = 255
  /// The longest idempotency key, in characters. Default 255.
  var idempotencyKeyCharactersMax = 255
  /// The largest body where none is expected, in bytes. It is read and ignored. Default 64 KiB.
  var unexpectedBodyBytesMax = 64 << 10

  /// The room that a document with values needs at most: the values, and the document.
  var roomForValues: Int { pageBytesMax + answerBytesMax }

  func bodyBytesMax(_ body: Endpoint.Body) -> Int {
    switch body {
    case .none: unexpectedBodyBytesMax
    case .value: valueBytesMax
    case .document: documentBytesMax
    case .patch: patchBytesMax
    }
  }
}

/// What a handler needs of its process, beside the store. Called on the loop.
struct APISurroundings {
  /// The body of `/metrics`, in Prometheus' text format 0.0.4.
  var metricsText: () async -> [UInt8]
  /// Whether no token is needed, but a `Host` that is `localhost` or an address.
  var isLocalOnly: Bool
  /// Whether the process is shutting down: `/health/ready` is 503 then.
  var isDraining: () -> Bool
  /// Whether answers take so much memory that no more should be made.
  var isCrowded: () -> Bool
  /// Takes room for an answer of so many bytes before it is made; false: there is none.
  var takeRoom: (Int) -> Bool
  /// Returns room if no answer was made.
  var returnRoom: (Int) -> Void
  /// The time that the rates of tokens are measured by.
  var now: () -> MonotonicTime = { .now() }
  /// Waits on the loop, between two polls.
  var pause: (Duration) async -> Void
  /// Calls a closure on the loop after a time.
  var after: (Duration, @escaping () -> Void) -> Void
  /// The places for watchers of the process.
  var watchPlaces: WatchPlaces
  /// Counts the watchers of the loop.
  var watchMetrics: WatchMetrics
}
