import Foundation
import Testing

extension EndToEndTests {
  @Suite("A request that is sent again after a restart")
  struct ReplayTests {
    @Test("It is answered as before, and what has been written since stays what is read")
    func restart() throws {
      let named = ["Idempotency-Key": "once"]
      let batch = #"{"operations":[{"op":"put","key":"b","value":"1"}]}"#
      let server = try Server.running()
      #expect(try server.request("PUT", "/kv/a", body: "1", fields: named).status == 201)
      #expect(try server.request("PUT", "/kv/a", body: "2").status == 200)
      let twice = ["Idempotency-Key": "twice"]
      #expect(try server.request("POST", "/batch", body: batch, fields: twice).status == 200)
      #expect(try server.request("DELETE", "/kv/b").status == 204)
      server.terminate()
      #expect(server.waitForExit() == 0)
      let next = try Server.running(data: server.data)
      let replayed = try next.request("PUT", "/kv/a", body: "1", fields: named)
      #expect(replayed.status == 201 && replayed.fields["idempotency-replayed"] == "true")
      #expect(try next.request("GET", "/kv/a").body == "2")
      let again = try next.request("POST", "/batch", body: batch, fields: twice)
      #expect(again.status == 200 && again.fields["idempotency-replayed"] == "true")
      #expect(try next.request("GET", "/kv/b").status == 404)
      // Nor does a later one displace what is cached by then.
      #expect(try next.request("PUT", "/kv/a", body: "1", fields: named).status == 201)
      #expect(try next.request("GET", "/kv/a").body == "2")
    }
  }
}
