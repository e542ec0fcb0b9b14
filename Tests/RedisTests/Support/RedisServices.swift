import Testing

/// The suites that start servers, one test after the other: what they prove depends on time.
@Suite("On real servers", .serialized)
enum RedisServices {}
