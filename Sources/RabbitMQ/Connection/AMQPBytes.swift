import CRabbitMQ

extension amqp_bytes_t {
  static var none: amqp_bytes_t { amqp_bytes_t(len: 0, bytes: nil) }

  /// Borrowed: the memory must outlive the call that the bytes are for, which only reads it.
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
  /// Bytes that belong to the C library, until its buffers are released.
  init(_ bytes: amqp_bytes_t) { self.init(start: bytes.bytes, count: bytes.len) }
}

extension amqp_table_t {
  static var none: amqp_table_t { amqp_table_t(num_entries: 0, entries: nil) }
}

/// Lends the bytes of a text to a call.
func withBytes<Result>(
  of text: String, _ body: (amqp_bytes_t) throws(ConnectionFailure) -> Result
) throws(ConnectionFailure) -> Result {
  var text = text
  let result = text.withUTF8 { buffer -> Swift.Result<Result, ConnectionFailure> in
    do throws(ConnectionFailure) {
      return .success(try body(amqp_bytes_t(UnsafeRawBufferPointer(buffer))))
    } catch {
      return .failure(error)
    }
  }
  return try result.get()
}
