import HTTP

/// A request that may be carried out: somewhere to go, somebody who may, nothing unknown in its
/// query.
struct Call {
  let endpoint: Endpoint
  let principal: Principal
  let query: Query
  let head: RequestHead
}
