package inspect

import (
	"errors"
	"fmt"
	"time"

	"github.com/reprise-go/reprise/internal/envelope"
	"github.com/reprise-go/reprise/internal/ledger"
	"github.com/reprise-go/reprise/store"
)

// What to do about problems.
const (
	adviceMiss      = "nothing is lost but time: the entry is a miss, and the next call replaces it; clear it to free its room now"
	adviceEntry     = "the value cannot be had back; set it again, or clear it"
	adviceMedium    = "if there are many of these, suspect the medium: look at its log, and copy what you can elsewhere"
	adviceSignature = "either the entry was stored by a program without the signing key, or somebody forged it; caches with the key treat it as a miss"
	adviceFormat    = "it may be from a newer version of reprise: upgrade this one, or leave the entry to that"
	adviceManifest  = "the entry works, and cannot be explained; it may be from a newer version of reprise"
	adviceOutput    = "the next run of the command is a miss and stores its output files again"
	adviceFuture    = "the clock of the store was set back, or its data are older than its entries: clear the entry"
	adviceStore     = "export what can still be read (reprise export), move the store away, and import it into a new one"
	adviceSize      = "the sums that du shows are off by the difference; clear the entry"
	adviceTooLarge  = "raise Options.MaxValue, or clear the entry"
)

// judge lists all that is wrong with an entry.
func (v *verifier) judge(rec *store.Record, lk *store.Lookup) []Problem {
	var all []Problem
	add := func(what, advice, format string, args ...any) {
		all = append(all, Problem{What: what, Advice: advice, Detail: fmt.Sprintf(format, args...)})
	}
	if _, err := manifestOf(rec); err != nil {
		add(ProblemManifest, adviceManifest, "%v", err)
	}
	// Others may have stored since Info was asked.
	if limit := v.info.Now.Add(time.Since(v.began) + time.Minute); rec.Created.After(limit) {
		add(ProblemFuture, adviceFuture, "it was made at %s, and the store's clock shows %s",
			rec.Created.UTC().Format(time.RFC3339), v.info.Now.UTC().Format(time.RFC3339))
	}
	if rec.Begun > lk.Seq {
		add(ProblemFuture, adviceFuture, "it began at number %d, and the store is at %d", rec.Begun, lk.Seq)
	}
	if lk.Damaged {
		add(ProblemLost, adviceFor(rec), "the value is gone, or cannot be read")
		return all
	}
	if got := int64(len(lk.Record.Value)); got != lk.Record.Size {
		add(ProblemSize, adviceSize, "the value has %d bytes, and is listed with %d", got, lk.Record.Size)
	}
	payload, h, err := v.sealer.Open(lk.Record.Value, rec.Key)
	if err != nil {
		what, advice := whatIs(err)
		if advice == "" {
			advice = adviceFor(rec) + "; " + adviceMedium
		}
		add(what, advice, "%v", err)
		return all
	}
	if err := v.decodes(rec, payload, h.Codec); err != nil {
		add(ProblemEncoding, adviceFor(rec), "%v", err)
	}
	if name, missing := v.missingOutput(rec, payload); missing {
		add(ProblemOutput, adviceOutput, "output file %.16s… is missing", name)
	}
	return all
}

// adviceFor tells results, which can be computed again, from values of
// execution stores.
func adviceFor(rec *store.Record) string {
	if rec.Labels.Kind == store.KindEntry && !isBlob(&rec.Labels) && !reserved(&rec.Labels) {
		return adviceEntry
	}
	return adviceMiss
}

// whatIs names what is wrong with an envelope. Without advice it is damage.
func whatIs(err error) (what, advice string) {
	for _, kind := range []struct {
		err          error
		what, advice string
	}{
		{envelope.ErrTruncated, ProblemTruncated, ""},
		{envelope.ErrChecksum, ProblemChecksum, ""},
		{envelope.ErrKeyMismatch, ProblemSwapped, ""},
		{envelope.ErrMAC, ProblemSignature, adviceSignature},
		{envelope.ErrFormat, ProblemFormat, adviceFormat},
		{envelope.ErrTooLarge, ProblemTooLarge, adviceTooLarge},
	} {
		if errors.Is(err, kind.err) {
			return kind.what, kind.advice
		}
	}
	return ProblemCorrupt, ""
}

// decodes says why a payload is not what its codec writes. Of codecs that are
// not known it knows nothing.
func (v *verifier) decodes(rec *store.Record, payload []byte, codec string) error {
	var err error
	switch codec {
	case "json":
		err = validJSON(payload)
	case "cbor":
		_, err = (&tree{}).cbor(payload)
	}
	if err == nil && reserved(&rec.Labels) && rec.Labels.Function == ledger.Name {
		_, err = ledger.Decode(payload)
	}
	return err
}

// missingOutput names a blob that a recorded run needs and that is not there.
func (v *verifier) missingOutput(rec *store.Record, payload []byte) (string, bool) {
	if v.blobs == nil || rec.Labels.Kind != store.KindFunction || rec.Labels.Collection != Commands {
		return "", false
	}
	for _, name := range v.o.References(payload) {
		if !v.blobs[name] {
			return name, true
		}
	}
	return "", false
}
