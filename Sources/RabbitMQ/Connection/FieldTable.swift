import CRabbitMQ

/// A table of arguments or headers, lent to a call. Names are static; texts are copied into memory
/// that this object owns.
///
/// Not Sendable: belongs to the thread of its connection.
final class FieldTable {
  /// The value of a field.
  enum Value {
    case flag(Bool)
    case integer(Int64)
    case text(String)
    case table(FieldTable)
  }

  private let entries: UnsafeMutableBufferPointer<amqp_table_entry_t>
  private var texts: [UnsafeMutableRawBufferPointer] = []
  /// Kept alive: `entries` point to their memory.
  private var tables: [FieldTable] = []

  init(_ fields: [(name: StaticString, value: Value)]) {
    entries = .allocate(capacity: fields.count)
    for (index, field) in fields.enumerated() {
      entries.initializeElement(at: index, to: entry(field.name, field.value))
    }
  }

  deinit {
    entries.deallocate()
    for text in texts { text.deallocate() }
  }

  /// The table. Valid while this object lives.
  var table: amqp_table_t {
    amqp_table_t(num_entries: Int32(entries.count), entries: entries.baseAddress)
  }

  private func entry(_ name: StaticString, _ value: Value) -> amqp_table_entry_t {
    var field = amqp_field_value_t()
    switch value {
    case .flag(let flag):
      field.kind = UInt8(ascii: "t")
      field.value.boolean = flag ? 1 : 0
    case .integer(let number):
      field.kind = UInt8(ascii: "l")
      field.value.i64 = number
    case .text(let text):
      let copy = UnsafeMutableRawBufferPointer.allocate(byteCount: text.utf8.count, alignment: 1)
      copy.copyBytes(from: text.utf8)
      texts.append(copy)
      field.kind = UInt8(ascii: "S")
      field.value.bytes = amqp_bytes_t(UnsafeRawBufferPointer(copy))
    case .table(let inner):
      tables.append(inner)
      field.kind = UInt8(ascii: "F")
      field.value.table = inner.table
    }
    return amqp_table_entry_t(key: amqp_bytes_t(name), value: field)
  }
}

extension amqp_table_t {
  static var none: amqp_table_t { amqp_table_t(num_entries: 0, entries: nil) }
}

extension amqp_bytes_t {
  static var none: amqp_bytes_t { amqp_bytes_t(len: 0, bytes: nil) }

  /// Borrowed: the memory must outlive the call that takes the bytes, which only reads them.
  init(_ buffer: UnsafeRawBufferPointer) {
    self.init(len: buffer.count, bytes: UnsafeMutableRawPointer(mutating: buffer.baseAddress))
  }

  /// Static memory.
  init(_ text: StaticString) {
    self.init(
      len: text.utf8CodeUnitCount, bytes: UnsafeMutableRawPointer(mutating: text.utf8Start))
  }

  /// A copy of the bytes.
  var array: [UInt8] { Array(UnsafeRawBufferPointer(self)) }
}

extension UnsafeRawBufferPointer {
  /// Bytes that belong to the C library, valid until its buffers are released.
  init(_ bytes: amqp_bytes_t) { self.init(start: bytes.bytes, count: bytes.len) }
}

/// Lends the bytes of a text to a call.
func withBytes<Result>(
  of text: String, _ body: (amqp_bytes_t) throws(BrokerFailure) -> Result
) throws(BrokerFailure) -> Result {
  var text = text
  let result = text.withUTF8 { buffer -> Swift.Result<Result, BrokerFailure> in
    do throws(BrokerFailure) {
      return .success(try body(amqp_bytes_t(UnsafeRawBufferPointer(buffer))))
    } catch {
      return .failure(error)
    }
  }
  return try result.get()
}
