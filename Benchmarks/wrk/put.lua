-- Durable PUTs of 100 bytes. Every wrk thread rotates through its own keys, so that new rows and
-- replaced rows both occur, as in the SQLite baseline.
local keys_max = 50000
local threads = 0

function setup(thread)
  threads = threads + 1
  thread:set("id", threads)
end

function init()
  count = 0
  value = string.rep("v", 100)
  wrk.headers["Content-Type"] = "text/plain"
end

function request()
  count = count % keys_max + 1
  return wrk.format("PUT", "/kv/bench/" .. id .. "/" .. count, nil, value)
end
