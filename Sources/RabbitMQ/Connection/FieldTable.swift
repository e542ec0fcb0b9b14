import CRabbitMQ

/// A table of arguments or headers, lent to a call. Names are static; texts are copied into memory
/// that this owns.
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

  /// The table, for as long as this object lives.
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
