//go:build !race

package reprise_test

const raceEnabled = false
