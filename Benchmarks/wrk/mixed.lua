-- A mixed load over a bounded set of keys: 80 % GET, 15 % PUT, 5 % DELETE.
local keys_max = 10000
local threads = 0

function setup(thread)
  threads = threads + 1
  thread:set("id", threads)
end

function init()
  math.randomseed(id)
  value = string.rep("v", 100)
  text = { ["Content-Type"] = "text/plain" }
end

function request()
  local path = "/kv/mixed/" .. math.random(keys_max)
  local choice = math.random(100)
  if choice <= 80 then return wrk.format("GET", path) end
  if choice <= 95 then return wrk.format("PUT", path, text, value) end
  return wrk.format("DELETE", path)
end
