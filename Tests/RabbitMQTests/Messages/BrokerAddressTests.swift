import Testing

@testable import RabbitMQ

@Suite("A broker's URL says where it is and who we are")
struct BrokerAddressTests {
  @Test("All parts are read, and escapes resolved")
  func complete() throws {
    let address = try BrokerAddress("amqps://us%65r:p%40ss%2F:%3a@rabbit.example:1234/a%2Fb")
    #expect(address.usesTLS)
    #expect(address.user == "user" && address.password == "p@ss/::")
    #expect(address.host == "rabbit.example" && address.port == 1_234)
    #expect(address.virtualHost == "a/b")
    #expect(address.name == "rabbit.example:1234")
  }

  @Test("What is left out is what a fresh RabbitMQ has")
  func defaults() throws {
    let address = try BrokerAddress("AMQP://host")
    #expect(!address.usesTLS && address.user == "guest" && address.password == "guest")
    #expect(address.port == 5_672 && address.virtualHost == "/")
    #expect(try BrokerAddress("amqps://host").port == 5_671)
    #expect(try BrokerAddress("amqp://host/").virtualHost == "/")
    #expect(try BrokerAddress("amqp://u@host").password == "")
    #expect(try BrokerAddress("amqp://u:a@b@host").password == "a@b")
    let v6 = try BrokerAddress("amqp://[::1]:7")
    #expect(v6.host == "::1" && v6.port == 7 && v6.name == "[::1]:7")
  }

  @Test(
    "What can't be read is refused",
    arguments: [
      ("", BrokerAddressError.scheme), ("http://host", .scheme), ("amqp:/host", .scheme),
      ("amqp://", .host), ("amqp://:5672", .host), ("amqp://u:secret@", .host),
      ("amqp://[::1", .host), ("amqp://[::1]x", .host), ("amqp://a b", .host),
      ("amqp://host:", nil), ("amqp://host:0", .port), ("amqp://host:65536", .port),
      ("amqp://host:+1", .port), ("amqp://u:secret%@host", .escape),
      ("amqp://u:secret%g0@host", .escape), ("amqp://u:secret%ff@host", .escape),
      ("amqp://u:secret%00@host", .escape), ("amqp://host/a/b", .virtualHost),
      ("amqp://host/?heartbeat=5", .virtualHost), ("amqp://host/v#x", .virtualHost),
    ])
  func refused(_ url: String, _ expected: BrokerAddressError?) {
    do throws(BrokerAddressError) {
      _ = try BrokerAddress(url)
      #expect(expected == nil)
    } catch {
      #expect(error == expected)
      #expect(!"\(error)".contains("secret"))
    }
  }

  @Test("Without a URL there is nothing to connect to")
  func none() {
    #expect(throws: BrokerAddressError.noBroker) {
      try RabbitMQConfiguration(urls: []).addresses()
    }
  }
}
