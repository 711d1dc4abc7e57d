local all, shards, now = ARGV[3] == '1', tonumber(ARGV[4]), millis()
local reply = {now}
local function read(zset)
  for _, key in ipairs(redis.call('ZRANGE', zset, 0, -1)) do
    local h = head(key)
    if h.present then
      reply[#reply + 1] = key
      reply[#reply + 1] = h.raw
      reply[#reply + 1] = labels_of(key, h)
    end
  end
end
for i = 5, 4 + shards do
  B = ARGV[i]
  for j = 5 + shards, #ARGV do
    read(B .. 's:' .. ARGV[j])
    if all then read(B .. 'z:' .. ARGV[j]) end
  end
end
return reply
