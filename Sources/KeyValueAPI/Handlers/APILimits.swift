/// What a client may send through the API; HTTP's own bounds are `HTTPLimits`.
struct APILimits: Sendable {
  /// The largest value, in bytes. Default 1 MiB.
  var valueBytesMax = 1_048_576
  /// The largest batch, or document of the JSON form, in bytes. Default 8 MiB.
  var documentBytesMax = 8 << 20
  /// The most operations of a batch. Default 1,000.
  var operationsMax = 1_000
  /// The most bytes of values that the reads of one batch return, as for one page of a list.
  /// Default 8 MiB.
  var batchReadBytesMax = 8 << 20
  /// The largest page of a list, in entries. Default 1,000.
  var pageEntriesMax = 1_000
  /// The page of a list unless a client asks for another, in entries. Default 100.
  var pageEntries = 100
  /// The most bytes of values on a page. Default 8 MiB.
  var pageBytesMax = 8 << 20
  /// The most bytes of a document with values, but for its last entry: in JSON they may take
  /// several times as many bytes as they have. A page then ends early. Default 16 MiB.
  var answerBytesMax = 16 << 20
  /// How long a request waits for room for such a document, and how many of a loop's requests do.
  /// Default 2 s and 64.
  var roomWait = Duration.seconds(2)
  var roomWaitersMax = 64
  /// The longest that `Prefer: wait` makes the server wait, in seconds. Default 30.
  var waitSecondsMax = 30
  /// How long a DELETE in the JSON form looks whether a key that is not there is just being
  /// written, in milliseconds. Default 100.
  var missingKeyLookMilliseconds = 100
  /// How long it waits then for what is queued before it, in seconds. Default 2.
  var missingKeyWaitSeconds = 2
  /// The longest content type, in bytes. Default 255.
  var contentTypeBytesMax = 255
  /// The longest idempotency key, in characters. Default 255.
  var idempotencyKeyCharactersMax = 255
  /// The largest body where none is expected, in bytes. It is read and not looked at. Default 64
  /// KiB.
  var unexpectedBodyBytesMax = 64 << 10
}
