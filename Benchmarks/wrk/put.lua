-- Durable PUTs of 100 bytes. Every wrk thread rotates through its own keys, so that new rows and
-- replaced rows both occur, as in the SQLite baseline. The requests are made before the run: the
-- cores are shared, and what wrk takes is missing to the server.
-- With an argument, that is what they prefer.
dofile(debug.getinfo(1, "S").source:match("@(.*/)") .. "statuses.lua")
local keys_max = 50000

function init(arguments)
  local value = string.rep("v", 100)
  wrk.headers["Content-Type"] = "text/plain"
  if arguments[1] then wrk.headers["Prefer"] = arguments[1] end
  requests = {}
  for number = 1, keys_max do
    requests[number] = wrk.format("PUT", "/kv/bench/" .. id .. "/" .. number, nil, value)
  end
  count = 0
end

function request()
  count = count % keys_max + 1
  return requests[count]
end
