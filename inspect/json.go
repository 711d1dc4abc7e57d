package inspect

import (
	"encoding/json"
	"math"
	"strconv"
	"time"
)

// MarshalJSON writes a number of seconds.
func (s Seconds) MarshalJSON() ([]byte, error) {
	return strconv.AppendFloat(nil, time.Duration(s).Seconds(), 'f', -1, 64), nil
}

// UnmarshalJSON reads what MarshalJSON wrote, to the nanosecond for durations
// up to about 100 days.
func (s *Seconds) UnmarshalJSON(b []byte) error {
	var f float64
	if err := json.Unmarshal(b, &f); err != nil {
		return err
	}
	switch f = math.Round(f * float64(time.Second)); {
	case f >= math.MaxInt64:
		*s = math.MaxInt64
	case f <= math.MinInt64:
		*s = math.MinInt64
	default:
		*s = Seconds(f)
	}
	return nil
}
