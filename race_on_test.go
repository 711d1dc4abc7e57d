//go:build race

package reprise_test

// raceEnabled marks a run that takes ten times as long.
const raceEnabled = true
