package command

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// groupGone reports whether no process of a group runs. Dead ones that nobody
// has waited for are none.
func groupGone(group int) bool {
	stats, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, p := range stats {
		b, err := os.ReadFile(p)
		if err != nil {
			continue
		}
		_, rest, _ := strings.Cut(string(b), ") ")
		var state string
		var parent, pgrp int
		if _, err := fmt.Sscan(rest, &state, &parent, &pgrp); err == nil && pgrp == group && state != "Z" && state != "X" {
			return false
		}
	}
	return true
}
