/// Cuts deliveries into what is tried together.
///
/// A message comes again when a worker has died of it, but mostly for reasons that are not its own:
/// a lost connection, a worker that was replaced, RabbitMQ's `consumer_timeout` in a long outage.
/// The count of deliveries can't tell which, so that nothing is given up for it. But the more often
/// a message has come, the fewer it is tried with, and in the end alone and after all others: then
/// it can do harm to none but itself.
public enum DeliveryParts {
  /// From so many deliveries on a message is tried alone, and last.
  public static let aloneAfter = 10

  /// The most messages that are tried together with one that was delivered so often before.
  static func companyMax(deliveryCount: Int) -> Int {
    1 << (aloneAfter - min(max(deliveryCount, 0), aloneAfter))
  }

  /// Parts of at most so many bytes; a first message alone may exceed it.
  public static func cut(_ deliveries: [Delivery], bytesMax: Int) -> [[Delivery]] {
    let alone = deliveries.filter { $0.deliveryCount >= aloneAfter }
    var parts: [[Delivery]] = []
    var part: [Delivery] = []
    var bytes = 0
    var companyMax = Int.max
    for delivery in deliveries where delivery.deliveryCount < aloneAfter {
      let company = Self.companyMax(deliveryCount: delivery.deliveryCount)
      let isFull = bytes + delivery.bytes > bytesMax || part.count >= min(companyMax, company)
      if isFull, !part.isEmpty {
        parts.append(part)
        (part, bytes, companyMax) = ([], 0, .max)
      }
      part.append(delivery)
      bytes += delivery.bytes
      companyMax = min(companyMax, company)
    }
    if !part.isEmpty { parts.append(part) }
    return parts + alone.map { [$0] }
  }
}
