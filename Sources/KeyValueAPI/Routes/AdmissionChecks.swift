import Basics
import HTTP

/// What a request must be, beside well-formed and authorized, before it is let in.
enum AdmissionChecks {
  /// Whether `Host` is `localhost` or an IP address. HTTP/1.0 may leave it out, browsers never do.
  ///
  /// A server without tokens trusts its machine, or (KV_AUTH=local) all that can connect, and so
  /// every browser there. A web page whose own host name has been bound to the server's address
  /// (DNS rebinding) has the same origin as this server, and could read and write everything. But
  /// its requests carry that name, and Nginx passes `Host` on unchanged.
  static func namesThisMachine(_ head: RequestHead) -> Bool {
    guard let host = head.first(.host) else { return true }
    // RFC 3986 §3.2.2: what begins with a bracket is an address; the parser has checked the rest.
    if host.first == UInt8(ascii: "[") { return true }
    let name = host.prefix { $0 != UInt8(ascii: ":") }
    if let first = name.first, isOfNumber(first) { return name.allSatisfy(isOfNumber) }
    return name.elementsEqual("localhost".utf8) { $0 | 0x20 == $1 }
  }

  /// No host name has digits and dots only: browsers take that for an address, or refuse it.
  private static func isOfNumber(_ byte: UInt8) -> Bool {
    byte.decimalDigit != nil || byte == UInt8(ascii: ".")
  }

  /// Whether a browser says that a web page of another site has made the request.
  ///
  /// Where no token is needed, any page that a user visits could otherwise write to a server on the
  /// user's own machine: a POST with a plain body asks for no permission (Fetch Standard,
  /// "CORS-preflight request"). Programs other than browsers send neither field.
  static func isCrossSite(_ head: RequestHead) -> Bool {
    if let site = head.first(.secFetchSite) {
      // W3C Fetch Metadata §2.4; `none`: the user started the request, not a page.
      return !site.elementsEqual("same-origin".utf8) && !site.elementsEqual("none".utf8)
    }
    guard let origin = head.first(.origin) else { return false }
    // RFC 6454 §7: scheme "://" host [":" port], or `null` if the browser hides it.
    guard let host = head.first(.host), let end = authorityStart(of: origin) else { return true }
    return !origin[end...].elementsEqual(host, by: { lowercased($0) == lowercased($1) })
  }

  private static func authorityStart(of origin: ArraySlice<UInt8>) -> Int? {
    guard let colon = origin.firstIndex(of: UInt8(ascii: ":")),
      origin[colon...].starts(with: "://".utf8)
    else { return nil }
    return colon + 3
  }

  private static func lowercased(_ byte: UInt8) -> UInt8 {
    (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(byte) ? byte | 0x20 : byte
  }

  /// Refuses fields that describe the content of a write in a way that this server does not keep.
  /// If they were ignored, what was sent would silently become something else.
  static func refuseLostContent(_ head: RequestHead) throws(Problem) {
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
