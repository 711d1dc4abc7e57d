init(ARGV[3])
local label, list = ARGV[4], {}
if label == '' then
  list = redis.call('HKEYS', M .. 's')
else
  list = redis.call('SMEMBERS', M .. 'n:' .. label)
end
local reply = {meta('seq'), meta('birth'), redis.call('GET', M .. 'o') or ''}
for _, set in ipairs(list) do
  local packed = redis.call('HGET', M .. 's', set)
  if packed then
    local s = cmsgpack.unpack(packed)
    reply[#reply + 1] = set
    reply[#reply + 1] = s[1]
    reply[#reply + 1] = generation(s[2])
  end
end
return reply
