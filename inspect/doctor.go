package inspect

import "context"

// Status is the result of a check.
type Status string

// The results.
const (
	OK   Status = "ok"
	Warn Status = "warn" // it works, and could be better
	Fail Status = "fail" // something does not work
	Skip Status = "skip" // it does not apply to this store, or could not be tried
)

// Check is one thing that Doctor looked at.
type Check struct {
	Name   string  `json:"name"` // "reachable", "latency", "clock", …
	Status Status  `json:"status"`
	Detail string  `json:"detail"`           // what was found
	Advice string  `json:"advice,omitempty"` // what to do; empty where OK
	Took   Seconds `json:"took_seconds"`
}

// Doctor tries out what a cache needs of the store, with a real write, lease
// and watch under a random key of reprise's own, and looks at its settings.
// The error is for a ctx that ends; what does not work is a Check.
func (i *Inspector) Doctor(ctx context.Context) ([]Check, error) {
	return nil, nil
}
