package reprise_test

import (
	"bytes"
	"testing"
	"time"

	"github.com/reprise-go/reprise"
)

// Bytes come back as they went, whatever they are, and are values like others
// but for Get and ListValues, which speak JSON.
func TestExecutionStoreBytes(t *testing.T) {
	onBoth(t, func(t *testing.T, c *reprise.Cache) {
		s, ctx := execStore(t, c, nil), t.Context()
		for name, b := range map[string][]byte{"empty": {}, "zeros": {0, 0}, "json": []byte(`{"a":1}`), "large": bytes.Repeat([]byte{0, 255, 'x'}, 1<<20)} {
			if err := s.SetBytes(ctx, name, b, &reprise.SetOptions{TTL: time.Hour}); err != nil {
				t.Fatal(err)
			}
			if got, err := s.GetBytes(ctx, name); err != nil || !bytes.Equal(got, b) {
				t.Errorf("%s: %d bytes came back as %d, %v", name, len(b), len(got), err)
			}
			if has, err := s.Has(ctx, name); !has || err != nil {
				t.Errorf("%s: has %t, %v", name, has, err)
			}
			if m, err := s.Metadata(ctx, name); err != nil || m.Expires.IsZero() || m.Policy != reprise.Persist {
				t.Errorf("%s: %+v, %v", name, m, err)
			}
			var v any
			missed(t, s.Get(ctx, name, &v), reprise.Corrupt)
		}
		set(t, s, "value", "v", nil)
		_, err := s.GetBytes(ctx, "value")
		missed(t, err, reprise.Corrupt)
		_, err = s.GetBytes(ctx, "nothing")
		missed(t, err, reprise.Absent)
		if values, err := s.ListValues(ctx, ""); err != nil || len(values) != 1 || values[0].Key != "value" {
			t.Errorf("values %+v, %v", values, err)
		}
		listed(t, s, "", "empty", "json", "large", "value", "zeros")
		if err := s.SetBytes(ctx, "x", nil, &reprise.SetOptions{TTL: -1}); err == nil {
			t.Error("a negative TTL is fine")
		}
	})
}
