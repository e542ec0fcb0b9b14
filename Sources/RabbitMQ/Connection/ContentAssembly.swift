import CRabbitMQ

/// Puts messages together: a method, a header and as many pieces of the body as it takes, which may
/// alternate with those of other channels.
struct ContentAssembly {
  /// What a message came with.
  enum Method {
    case deliver(tag: UInt64)
    case returned(reason: String)
  }

  private struct Content {
    let channel: UInt16
    let method: Method
    var message = ReceivedMessage()
    var bytesMissing: UInt64?
  }

  /// The messages that are incomplete: hardly ever more than one.
  private var contents: [Content] = []

  /// A message begins.
  mutating func begin(_ method: Method, on channel: UInt16) {
    // What a closed channel has left unfinished.
    contents.removeAll { $0.channel == channel }
    contents.append(Content(channel: channel, method: method))
  }

  /// Its header has come; the message, if it has no body.
  mutating func add(
    header message: ReceivedMessage, bodyBytes: UInt64, on channel: UInt16
  ) -> BrokerEvent? {
    guard let index = index(of: channel) else { return nil }
    contents[index].message = message
    contents[index].bytesMissing = bodyBytes
    // A broker's word is no reason to set a gigabyte aside.
    contents[index].message.body.reserveCapacity(Int(min(bodyBytes, 2 << 20)))
    return finish(index)
  }

  /// A piece of its body has come; the message, if it is complete.
  mutating func add(
    body: UnsafeRawBufferPointer, on channel: UInt16
  ) throws(ConnectionFailure) -> BrokerEvent? {
    guard let index = index(of: channel) else { return nil }
    guard let missing = contents[index].bytesMissing, missing >= body.count else {
      throw ConnectionFailure("the broker sent a message in the wrong order")
    }
    contents[index].message.body.append(contentsOf: body)
    contents[index].bytesMissing = missing - UInt64(body.count)
    return finish(index)
  }

  private func index(of channel: UInt16) -> Int? {
    contents.firstIndex { $0.channel == channel }
  }

  private mutating func finish(_ index: Int) -> BrokerEvent? {
    guard contents[index].bytesMissing == 0 else { return nil }
    let content = contents.remove(at: index)
    switch content.method {
    case .deliver(let tag):
      return .delivered(
        BrokerDelivery(channel: content.channel, tag: tag, message: content.message))
    case .returned(let reason):
      return .returned(id: content.message.id, reason: reason)
    }
  }
}
