import HTTP

/// Fields that say of a request's content what this server does not keep: passed over, they would
/// turn what was sent into something else without a word.
enum WrittenContent {
  /// Refuses them.
  static func check(_ head: RequestHead) throws(Problem) {
    // RFC 9110 §14.5: a PUT of a part must not be taken for one of the whole.
    if head.first(.contentRange) != nil {
      throw .header("Content-Range", "Send the whole: a part of a value can't be written.")
    }
    if head.first(.contentEncoding) != nil {
      let isPlain = head.all(.contentEncoding).allSatisfy { field in
        field.isEmpty || field.elementsEqual("identity".utf8) { $0 | 0x20 == $1 }
      }
      guard isPlain else {
        // RFC 9110 §15.5.16: Accept-Encoding tells this 415 from that of a media type.
        throw Problem(
          .unsupportedEncoding, "Send the content without Content-Encoding: it would be lost."
        )
        .with(field: "Accept-Encoding", "identity")
      }
    }
  }
}
