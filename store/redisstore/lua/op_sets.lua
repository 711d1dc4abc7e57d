init(ARGV[3])
local label, list = ARGV[4], {}
if label == '' then
  list = redis.call('HKEYS', M .. 's')
else
  list = redis.call('SMEMBERS', M .. 'n:' .. label)
end
local reply = {meta('seq'), meta('birth'), redis.call('GET', M .. 'o') or ''}
for _, set in ipairs(list) do
  local desc, labels = set_of(set)
  if desc then
    reply[#reply + 1] = set
    reply[#reply + 1] = desc
    reply[#reply + 1] = generation(labels)
  end
end
return reply
