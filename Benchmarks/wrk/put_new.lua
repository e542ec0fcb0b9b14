-- PUTs of 100 bytes with `If-None-Match: *`, each of a key that was never there: PREFIX, which no
-- other run may have, is given as an argument.
dofile(debug.getinfo(1, "S").source:match("@(.*/)") .. "statuses.lua")

function init(arguments)
  wrk.headers["Content-Type"] = "text/plain"
  wrk.headers["If-None-Match"] = "*"
  local path = arguments[1] .. id .. "/@"
  head, tail = wrk.format("PUT", path, nil, string.rep("v", 100)):match("^(.-)@(.*)$")
  count = 0
end

function request()
  count = count + 1
  return head .. count .. tail
end
