package import Basics
internal import FoundationEssentials

/// A line of an export: a key with all that a store needs to have it again.
package struct TransferLine: Equatable, Sendable {
  package let key: String
  package let contentType: String?
  /// The bytes of the value.
  package let value: [UInt8]
  /// Nil: never. In microseconds since the epoch.
  package let expiresAt: Int64?

  package init(key: String, contentType: String?, value: [UInt8], expiresAt: Int64?) {
    self.key = key
    self.contentType = contentType
    self.value = value
    self.expiresAt = expiresAt
  }

  /// Writes an entry of a list as a line, without its end.
  package static func write(_ entry: ListedEntry, to writer: inout JSONWriter) {
    writer.beginObject()
    writer.name("key")
    writer.string(entry.key)
    if let contentType = entry.contentType {
      writer.name("content_type")
      writer.string(contentType)
    }
    if let base64 = entry.valueBase64 {
      writer.name("value_base64")
      writer.string(base64)
    } else {
      writer.name("value")
      writer.string(entry.value ?? "")
    }
    writer.name("expires_at")
    if let expiresAt = entry.expiresAt { writer.string(expiresAt) } else { writer.null() }
    writer.endObject()
  }

  // MARK: Reading

  /// Reads a line.
  package init(parsing bytes: [UInt8]) throws(TransferLineError) {
    let document: Document
    do {
      document = try JSONDecoder().decode(Document.self, from: Data(bytes))
    } catch let error as TransferLineError {
      throw error
    } catch let error as DecodingError {
      throw TransferLineError(error)
    } catch {
      throw TransferLineError("it is not JSON")
    }
    guard let key = document.key, !key.isEmpty else { throw TransferLineError("key is missing") }
    self.key = key
    contentType = document.contentType
    switch (document.value, document.base64) {
    case (let text?, nil): value = Array(text.utf8)
    case (nil, let text?):
      guard let data = Data(base64Encoded: text) else {
        throw TransferLineError("value_base64 is not Base64")
      }
      value = Array(data)
    case (nil, nil): throw TransferLineError("value or value_base64 is missing")
    default: throw TransferLineError("it has both value and value_base64")
    }
    if let text = document.expiresAt {
      guard let time = Self.microseconds(of: text) else {
        throw TransferLineError("expires_at is no time, as 2030-01-31T12:00:00Z")
      }
      expiresAt = time
    } else {
      expiresAt = nil
    }
  }

  /// Every member that a line may have. Others are refused: a mistyped `expires_at` must not store
  /// a value for ever.
  private struct Document: Decodable {
    var key: String?
    var contentType: String?
    var value: String?
    var base64: String?
    var expiresAt: String?

    struct Name: CodingKey {
      let stringValue: String
      let intValue: Int? = nil
      init(stringValue: String) { self.stringValue = stringValue }
      init?(intValue: Int) { nil }
    }

    init(from decoder: any Decoder) throws {
      let members = try decoder.container(keyedBy: Name.self)
      for name in members.allKeys {
        switch name.stringValue {
        case "key": key = try members.decode(String.self, forKey: name)
        case "content_type": contentType = try members.decodeIfPresent(String.self, forKey: name)
        case "value": value = try members.decode(String.self, forKey: name)
        case "value_base64": base64 = try members.decode(String.self, forKey: name)
        case "expires_at": expiresAt = try members.decodeIfPresent(String.self, forKey: name)
        default: throw TransferLineError("the member \(name.stringValue) is not known")
        }
      }
    }
  }

  /// A time of RFC 3339 in UTC, with or without a fraction; nil: it is none.
  package static func microseconds(of text: String) -> Int64? {
    let bytes = Array(text.utf8)
    guard bytes.count >= 20, bytes.last == UInt8(ascii: "Z"),
      bytes[4] == UInt8(ascii: "-"), bytes[7] == UInt8(ascii: "-"), bytes[10] == UInt8(ascii: "T"),
      bytes[13] == UInt8(ascii: ":"), bytes[16] == UInt8(ascii: ":")
    else { return nil }
    func number(_ range: Range<Int>) -> Int64? {
      let digits = bytes[range].map(\.decimalDigit)
      return digits.contains(nil) ? nil : digits.reduce(0) { $0 * 10 + Int64($1 ?? 0) }
    }
    guard let year = number(0..<4), let month = number(5..<7), let day = number(8..<10),
      let days = CivilTime.daysSinceEpoch(year: year, month: month, day: day),
      let hour = number(11..<13), let minute = number(14..<16), let second = number(17..<19),
      hour < 24, minute < 60, second <= 60
    else { return nil }
    var fraction: Int64 = 0
    let digits = bytes[19...].dropLast()
    if !digits.isEmpty {
      guard digits.first == UInt8(ascii: "."), digits.count > 1,
        digits.dropFirst().allSatisfy({ $0.decimalDigit != nil })
      else { return nil }
      let six = digits.dropFirst().prefix(6).compactMap(\.decimalDigit)
      fraction = (six + Array(repeating: 0, count: 6 - six.count))
        .reduce(0) { $0 * 10 + Int64($1) }
    }
    return (days * 86_400 + hour * 3_600 + minute * 60 + second) * 1_000_000 + fraction
  }

  /// The seconds until the expiry, rounded up; nil: it never expires. Zero or less: it has expired.
  package func secondsLeft(now microseconds: Int64) -> Int64? {
    expiresAt.map { ($0 - microseconds + 999_999).quotientAndRemainder(dividingBy: 1_000_000) }
      .map(\.quotient)
  }

  /// The operation of a batch that stores it.
  /// - Parameter ifAbsent: whether a key that exists is left alone.
  package func writeOperation(
    to writer: inout JSONWriter, secondsLeft: Int64?, ifAbsent: Bool
  ) {
    writer.beginObject()
    writer.name("op")
    writer.string("put")
    writer.name("key")
    writer.string(key)
    if let contentType {
      writer.name("content_type")
      writer.string(contentType)
    }
    writer.name("value_base64")
    writer.string(Data(value).base64EncodedString())
    if let secondsLeft {
      writer.name("ttl")
      writer.number(secondsLeft)
    }
    if ifAbsent {
      writer.name("if_none_match")
      writer.string("*")
    }
    writer.endObject()
  }
}

/// What is wrong with a line.
package struct TransferLineError: Error, Equatable {
  package let why: String

  package init(_ why: String) { self.why = why }

  fileprivate init(_ error: DecodingError) {
    switch error {
    case .typeMismatch(_, let context), .valueNotFound(_, let context):
      let name = context.codingPath.last?.stringValue
      why = name.map { "\($0) is not a string" } ?? "it is no JSON object"
    default: why = "it is not JSON"
    }
  }
}
