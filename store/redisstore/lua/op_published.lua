obtain_room()
note_published(ARGV[3], ARGV[4], tonumber(ARGV[5]), tonumber(ARGV[6]))
return {1}
