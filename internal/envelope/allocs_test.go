package envelope

import "testing"

func TestOpenUncompressedAllocatesNothing(t *testing.T) {
	for name, o := range map[string]Options{"unsigned": {}, "signed": {MAC: secret}} {
		s := newSealer(t, o)
		sealed := seal(t, s, "a codec's name, longer than what the compiler keeps on the stack", keyA, noise(1024))
		open := func() {
			if _, _, err := s.Open(sealed, keyA); err != nil {
				t.Fatal(err)
			}
		}
		if n := testing.AllocsPerRun(100, open); n != 0 && !(raceEnabled && o.MAC != nil) {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
}
