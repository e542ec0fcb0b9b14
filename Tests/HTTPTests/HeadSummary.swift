@testable import HTTP

/// A head in a form that can be compared.
struct HeadSummary: Equatable {
  var method: String
  var path: String
  var query: String?
  var minorVersion: UInt8
  var framing: RequestHead.Framing
  var keepsAlive: Bool
  var expectsContinue: Bool
  var fields: [String]
  var length: Int

  init(_ head: RequestHead, length: Int) {
    method = head.method.name
    path = String(decoding: head.path, as: UTF8.self)
    query = head.query.map { String(decoding: $0, as: UTF8.self) }
    minorVersion = head.minorVersion
    framing = head.framing
    keepsAlive = head.keepsAlive
    expectsContinue = head.expectsContinue
    fields = head.fields.map { field in
      let name = head.bytes[Int(field.nameStart)..<Int(field.nameEnd)]
      let value = head.bytes[Int(field.valueStart)..<Int(field.valueEnd)]
      return "\(String(decoding: name, as: UTF8.self))=\(String(decoding: value, as: UTF8.self))"
    }
    self.length = length
  }
}
