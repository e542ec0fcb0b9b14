#if os(Linux)
  import Foundation
  import Testing

  extension EndToEndTests {
    @Suite("The disk", .enabled(if: SmallDisk.isAvailable, "a file system has to be mounted"))
    struct DiskTests {
      @Test("A read-only data folder is named at start")
      func readOnly() throws {
        let disk = try SmallDisk(options: "ro,size=1m")
        let server = try Server.refusing(data: disk.folder, prefix: disk.prefix)
        #expect(server.code > 0)
        #expect(server.output.contains(disk.folder.lastPathComponent))
      }

      @Test("A full disk is named at start")
      func fullAtStart() throws {
        let disk = try SmallDisk(options: "size=1m")
        try disk.fill()
        let server = try Server.refusing(data: disk.folder, prefix: disk.prefix)
        #expect(server.code > 0)
        #expect(server.output.contains(disk.folder.lastPathComponent))
        #expect(server.output.lowercased().contains("full"))
      }

      @Test(
        "A disk that fills up costs no acknowledged write, and room again makes writes possible")
      func fullAtRunTime() throws {
        let disk = try SmallDisk(options: "size=16m")
        let server = try Server.running(data: disk.folder, prefix: disk.prefix)
        let connection = try server.connect()
        for number in 0..<10 {
          let answer = try connection.request("PUT", "/kv/before/\(number)", body: "\(number)")
          #expect(answer.status == 201)
        }
        try disk.fill()
        let (stored, refusal) = try writeUntilRefused(on: connection)
        #expect(refusal.status == 503)
        #expect(refusal.fields["retry-after"] != nil)
        #expect(refusal.fields["content-type"] == "application/problem+json")
        try verify(stored, on: connection)

        try disk.empty()
        #expect(try connection.request("PUT", "/kv/after", body: "1").status == 201)
        server.kill()
        let restarted = try Server.running(data: disk.folder, prefix: disk.prefix)
        let another = try restarted.connect()
        try verify(stored, on: another)
        #expect(try another.request("GET", "/kv/after").body == "1")
      }

      /// Writes until the disk is full; returns the keys whose writes were acknowledged.
      private func writeUntilRefused(on connection: Connection) throws -> ([String], Answer) {
        var stored: [String] = []
        // Files of the database may have room left inside; not more than the disk has, though.
        for number in 0..<2_000 {
          let key = "full/\(number)"
          let answer = try connection.request("PUT", "/kv/\(key)", body: value(of: key))
          guard answer.status == 201 else { return (stored, answer) }
          stored.append(key)
        }
        throw TestFailure("the disk did not fill up")
      }

      private func value(of key: String) -> String {
        key + String(repeating: "x", count: 16_384)
      }

      private func verify(_ stored: [String], on connection: Connection) throws {
        for key in stored {
          let answer = try connection.request(
            "GET", "/kv/\(key)", fields: ["Cache-Control": "no-cache"])
          #expect(answer.status == 200)
          #expect(answer.body == value(of: key))
        }
        for number in 0..<10 {
          #expect(try connection.request("GET", "/kv/before/\(number)").body == "\(number)")
        }
      }
    }
  }
#endif
