//go:build race

package envelope

// raceEnabled: under the race detector sync.Pool drops entries at random, so
// counts of allocations say nothing about code that uses one.
const raceEnabled = true
