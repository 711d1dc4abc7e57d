init(ARGV[3])
obtain_room()
local seen, reply = {}, {0, redis.call('GET', M .. 'o') or ''}
for i = 4, #ARGV do
  for _, set in ipairs(redis.call('SMEMBERS', M .. 'n:' .. ARGV[i])) do
    if not seen[set] then
      seen[set] = true
      reply[#reply + 1] = set
      reply[#reply + 1] = set_generation(set)
    end
  end
end
local n = number()
for i = 4, #ARGV do
  redis.call('HSET', M .. 'g', ARGV[i], str(n))
  redis.call('ZADD', M .. 'b', str(n), ARGV[i])
end
trim_labels()
announce(n, '')
reply[1] = n
return reply
