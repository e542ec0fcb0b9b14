import Testing

/// Tests on real brokers, one after the other: they share two cores with them.
@Suite("On a real broker", .serialized, .timeLimit(.minutes(5)))
enum BrokerTests {}
