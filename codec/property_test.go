package codec_test

import (
	"math"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/reprise-go/reprise/codec"
)

// measured has what JSON cannot hold, and CBOR must.
type measured struct {
	F32    float32
	F64    []float64
	Text   string
	Raw    []byte
	ByKey  map[point]string
	ByText map[string]*measured
	At     []time.Time
	Any    any
	U      uint64
	I      int64
	Opt    *int `json:",omitempty"`
}

func zonesToDraw(t *rapid.T) *time.Location {
	paris, err := time.LoadLocation("Europe/Paris")
	if err != nil {
		t.Skip("no time zone database")
	}
	return rapid.SampledFrom([]*time.Location{time.UTC, time.Local, paris,
		time.FixedZone("", 5400), time.FixedZone("X", -60), time.FixedZone("", 17)}).Draw(t, "zone")
}

func drawAny(t *rapid.T, depth int) any {
	switch kind := rapid.IntRange(0, 9).Draw(t, "kind"); {
	case kind == 0:
		return nil
	case kind == 1:
		return rapid.Int64().Draw(t, "int")
	case kind == 2:
		return rapid.String().Draw(t, "string")
	case kind == 3:
		return rapid.SliceOf(rapid.Byte()).Draw(t, "bytes")
	case kind == 4:
		return drawTime(t)
	case kind < 7 && depth < 3:
		list := []any{}
		for range rapid.IntRange(0, 3).Draw(t, "n") {
			list = append(list, drawAny(t, depth+1))
		}
		return list
	case kind < 9 && depth < 3:
		m := map[string]any{}
		for range rapid.IntRange(0, 3).Draw(t, "n") {
			m[rapid.String().Draw(t, "key")] = drawAny(t, depth+1)
		}
		return m
	}
	return rapid.Float64().Draw(t, "float")
}

// drawTime avoids the zero time, which does not survive in interfaces.
func drawTime(t *rapid.T) time.Time {
	return time.Unix(rapid.Int64Range(-6e10, 2e11).Draw(t, "s"), rapid.Int64Range(0, 999_999_999).Draw(t, "ns")).In(zonesToDraw(t))
}

func drawMeasured(t *rapid.T, depth int) measured {
	m := measured{
		F32:  math.Float32frombits(rapid.Uint32().Draw(t, "f32")),
		Text: string(rapid.SliceOf(rapid.Byte()).Draw(t, "text")),
		Raw:  rapid.SliceOf(rapid.Byte()).Draw(t, "raw"),
		U:    rapid.Uint64().Draw(t, "u"), I: rapid.Int64().Draw(t, "i"),
		Any: drawAny(t, 0),
	}
	for range rapid.IntRange(0, 3).Draw(t, "n") {
		m.F64 = append(m.F64, math.Float64frombits(rapid.Uint64().Draw(t, "f64")))
		m.At = append(m.At, drawTime(t))
	}
	if depth < 2 && rapid.Bool().Draw(t, "deeper") {
		inner := drawMeasured(t, depth+1)
		m.ByText = map[string]*measured{"a": &inner, "nil": nil}
		m.ByKey = map[point]string{{int(m.I % 5), 2}: "x"}
		m.Opt = new(int)
	}
	return m
}

func TestCBORBringsEverythingBack(t *testing.T) {
	c := codec.CBOR[measured]()
	rapid.Check(t, func(t *rapid.T) {
		v := drawMeasured(t, 0)
		if stage, err := outcome(c, v); stage != ok {
			t.Fatalf("%s: %v\n%+v", stage, err, v)
		}
	})
}

// JSON refuses much of it, but never while decoding: what it took it knows.
func TestJSONRefusesWhenEncoding(t *testing.T) {
	type plain struct {
		Text string
		F    float64
		Any  any
		At   time.Time
	}
	c := codec.JSON[plain]()
	stages := map[string]int{}
	rapid.Check(t, func(t *rapid.T) {
		v := plain{F: 1, At: drawTime(t), Any: drawAny(t, 1), Text: string(rapid.SliceOfN(rapid.Byte(), 0, 3).Draw(t, "text"))}
		stage, err := outcome(c, v)
		if stages[stage]++; stage != ok && stage != encode {
			t.Fatalf("%s: %v\n%+v", stage, err, v)
		}
	})
	if stages[ok] == 0 || stages[encode] == 0 {
		t.Errorf("one side only: %v", stages)
	}
}
