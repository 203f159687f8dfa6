-- The same job in OpenResty's Lua with a shared dict: the body is parsed, its
-- signature checked, and the register of the stream set if the callback is
-- newer.  The list of one room is what is left when the closed are not shown.
-- With several workers two of them may overwrite each other; what would help
-- (resty.lock) would only make it slower.

local cjson = require "cjson.safe"
local ffi = require "ffi"

ffi.cdef [[
unsigned char *ngx_hex_dump(unsigned char *dst, const unsigned char *src,
    size_t len);
]]

local rooms = ngx.shared.rooms
local secret = "secret"
local horizon = 1
local hex = ffi.new("unsigned char[40]")

local peer = {}

local function signed(event)
   local parts = { secret, event.timestamp, event.nonce }
   table.sort(parts)
   ffi.C.ngx_hex_dump(hex, ngx.sha1_bin(table.concat(parts)), 20)
   return ffi.string(hex, 40) == event.signature
end

function peer.callback()
   ngx.req.read_body()
   local event = cjson.decode(ngx.req.get_body_data() or "")
   if type(event) ~= "table" then
      return ngx.exit(400)
   end
   if not signed(event) then
      return ngx.exit(403)
   end

   local key = event.room_id .. "/" .. event.room_session_id .. "/"
       .. event.stream_id
   local closed = event.event == "stream_close"
   local seq = tonumber(event.stream_seq)
   local known = rooms:get(key)
   if known then
      local number, was_closed = string.match(known, "^(%d+) (%d)")
      number = tonumber(number)
      if seq < number
          or seq == number and (was_closed == "1" or not closed) then
         return ngx.exit(200)
      end
   end
   local stored = rooms:set(key, seq .. (closed and " 1 " or " 0 ")
      .. cjson.encode {
         StreamId = event.stream_id, StreamSid = event.stream_sid,
         StreamSeq = seq, StreamCreateTime = tonumber(event.create_time_ms),
         UserId = event.user_id, UserName = event.user_name,
         ExtraInfo = event.extra_info },
      closed and horizon or 0)
   return ngx.exit(stored and 200 or 503)
end

function peer.list()
   local prefix = ngx.var.arg_id .. "/"
   local list = {}
   for _, key in ipairs(rooms:get_keys(0)) do
      if string.sub(key, 1, #prefix) == prefix then
         local known = rooms:get(key)
         local body = known and string.match(known, "^%d+ 0 (.*)")
         if body then
            list[#list + 1] = body
         end
      end
   end
   ngx.header["Content-Type"] = "application/json"
   ngx.print('{"StreamList":[', table.concat(list, ","), "]}")
end

return peer
