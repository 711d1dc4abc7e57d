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
	f = math.Round(f * float64(time.Second))
	*s = Seconds(max(math.MinInt64, min(math.MaxInt64, int64(f))))
	return nil
}
