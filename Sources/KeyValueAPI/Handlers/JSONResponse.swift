import Basics
import HTTP
import KeyValueStore

extension Response {
  init(_ status: Status, json writer: JSONWriter) {
    var fields = FieldBlock(reserving: 256)
    fields.append(
      lines: """
        Content-Type: application/json\r
        Cache-Control: no-store\r
        X-Content-Type-Options: nosniff\r

        """)
    self.init(status, fields: fields, body: writer.bytes)
  }
}

extension JSONWriter {
  /// Writes the members of an entry into the object that is open.
  mutating func write(membersOf metadata: Metadata) {
    name("key")
    string(utf8: metadata.key.bytes)
    name("revision")
    number(metadata.revision.number)
    name("version")
    number(metadata.version)
    name("size")
    number(Int64(metadata.size))
    name("content_type")
    string(metadata.contentType)
    name("created_at")
    timestamp(microseconds: metadata.createdAt.microseconds)
    name("updated_at")
    timestamp(microseconds: metadata.updatedAt.microseconds)
    name("expires_at")
    if let expiresAt = metadata.expiresAt {
      timestamp(microseconds: expiresAt.microseconds)
    } else {
      null()
    }
  }

  /// Writes a value into the object that is open: as text if it is UTF-8, else as Base64.
  mutating func write(value: [UInt8]) {
    if ContentType.isUTF8(value) {
      name("value")
      string(utf8: value)
    } else {
      name("value_base64")
      base64(value)
    }
  }
}
