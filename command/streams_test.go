package command

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/reprise-go/reprise"
)

// play gives a Spec that runs this binary as one of plays.
func (r *rig) play(name string, args ...string) *Spec {
	self, err := os.Executable()
	if err != nil {
		r.t.Fatal(err)
	}
	return &Spec{Args: append([]string{self}, args...), Dir: r.dir, Name: name, Environ: append(os.Environ(), "COMMAND_TEST_PLAY="+name)}
}

func init() {
	plays["alternate"] = alternate
	plays["pour"] = pour
}

// alternate writes numbered pieces of up to a size, to either stream.
func alternate(args []string) int {
	n, _ := strconv.Atoi(args[0])
	most, _ := strconv.Atoi(args[1])
	rng := rand.New(rand.NewPCG(1, 2))
	for i := range n {
		w := os.Stdout
		if rng.IntN(2) == 1 {
			w = os.Stderr
		}
		text := fmt.Sprintf("<%d>", i)
		_, _ = w.WriteString(text + strings.Repeat(".", rng.IntN(most)))
	}
	return 0
}

// pour writes many bytes to standard output, in large pieces.
func pour(args []string) int {
	n, _ := strconv.Atoi(args[0])
	_, _ = io.CopyN(os.Stdout, rand.NewChaCha8([32]byte{}), int64(n))
	return 0
}

// What one process writes to its two streams, one piece after the other, comes
// in that order, is recorded in it and replayed in it.
func TestStreamsKeepTheirOrder(t *testing.T) {
	if !ordered {
		t.Skip("this system does not keep the order between streams")
	}
	for _, most := range []int{1, 40, 4000} {
		r := newRig(t, nil)
		s := r.play("alternate", "1500", strconv.Itoa(most))
		first := r.run(s).ran(t)
		again := r.run(s).hit(t)
		if first.all != again.all {
			t.Error("replayed in another order than shown")
		}
		at := 0
		for i := range 1500 {
			j := strings.Index(first.all[at:], fmt.Sprintf("<%d>", i))
			if j < 0 {
				t.Fatalf("up to %d bytes: piece %d is not where it was written", most, i)
			}
			at += j
		}
	}
}

// Nothing of a stream is lost or moved however much it is.
func TestLargeStreams(t *testing.T) {
	r := newRig(t, nil)
	s := r.play("pour", "5000001")
	first := r.run(s).ran(t)
	again := r.run(s).hit(t)
	want, _ := io.ReadAll(io.LimitReader(rand.NewChaCha8([32]byte{}), 5000001))
	if !bytes.Equal([]byte(first.out), want) || !bytes.Equal([]byte(again.out), want) {
		t.Errorf("%d bytes shown, %d replayed", len(first.out), len(again.out))
	}
}

// What is too much to record is shown all the same.
func TestTooMuchOutput(t *testing.T) {
	r := newRig(t, &Options{MaxOutput: 1 << 19})
	s := r.play("pour", "600000")
	for range 2 {
		got := r.run(s).unstored(t, reprise.TooLarge, "more than 524288 bytes")
		if len(got.out) != 600000 {
			t.Errorf("%d bytes shown", len(got.out))
		}
	}
	small := r.play("pour", "500000")
	r.run(small).ran(t)
	r.run(small).hit(t)
	// Many small pieces take more room than their bytes.
	bits := r.play("alternate", "40000", "1")
	r.run(bits).unstored(t, reprise.TooLarge, "more than")
}

func BenchmarkPour(b *testing.B) {
	self, _ := os.Executable()
	const size = 64 << 20
	b.SetBytes(size)
	for b.Loop() {
		n := 0
		t := task{path: self, args: []string{self, strconv.Itoa(size)}, dir: b.TempDir(), environ: append(os.Environ(), "COMMAND_TEST_PLAY=pour"),
			grace: defaultGrace, linger: defaultLinger, take: func(_ int, p []byte) error { n += len(p); return nil }}
		if _, err := t.run(b.Context()); err != nil || n != size {
			b.Fatal(n, err)
		}
	}
}
