local entries, bytes = 0, 0
for i = 3, #ARGV do
  B = ARGV[i]
  entries = entries + redis.call('HLEN', B .. 'x')
  bytes = bytes + tonumber(redis.call('GET', B .. 'n') or '0')
end
return {entries, bytes}
