-- PUTs of 100 bytes with `If-Match` and the revision that the last PUT of the key was answered:
-- as many keys as connections, none of them in two requests at a time. A thread makes a new key
-- under PREFIX whenever it knows of none that is free. PREFIX, which no other run may have, is
-- given as an argument.
dofile(debug.getinfo(1, "S").source:match("@(.*/)") .. "statuses.lua")

function init(arguments)
  local path, value = arguments[1] .. id .. "/@", string.rep("v", 100)
  local creates = { ["Content-Type"] = "text/plain", ["If-None-Match"] = "*" }
  local replaces = { ["Content-Type"] = "text/plain", ["If-Match"] = "@" }
  new = { wrk.format("PUT", path, creates, value):match("^(.-)@(.*)$") }
  current = { wrk.format("PUT", path, replaces, value):match("^(.-)@(.-)@(.*)$") }
  free, count = {}, 0
end

function request()
  local known = table.remove(free)
  if known then return known end
  count = count + 1
  return new[1] .. count .. new[2]
end

function response(status, headers, body)
  counted(status)
  -- Of what was refused or queued the revision is not known.
  if status ~= 200 and status ~= 201 then return end
  local number = body:match('^{"key":"[^"]*/(%d+)"')
  table.insert(free, current[1] .. number .. current[2] .. headers["ETag"] .. current[3])
end
