package command

import (
	"encoding/json"
	"fmt"
	"time"
	"unicode/utf8"
)

// JSON shows the value of an entry of Collection for people and programs, in
// the form that package inspect asks for. It is an error where the codec is
// not Codec.
func JSON(codec string, value []byte) ([]byte, error) {
	if codec != Codec {
		return nil, fmt.Errorf("command: a value of codec %q is no run", codec)
	}
	r, err := Decode(value)
	if err != nil {
		return nil, err
	}
	return json.Marshal(r)
}

// MarshalJSON shows a run: its streams as text where they are text, times in
// seconds.
func (r Run) MarshalJSON() ([]byte, error) {
	type shownChunk struct {
		Stream string `json:"stream"`
		Text   string `json:"text,omitempty"`
		Bytes  []byte `json:"bytes,omitempty"`
	}
	chunks := make([]shownChunk, len(r.Chunks))
	for i, c := range r.Chunks {
		chunks[i].Stream = streamName(c.Stream)
		if utf8.Valid(c.Bytes) {
			chunks[i].Text = string(c.Bytes)
		} else {
			chunks[i].Bytes = c.Bytes
		}
	}
	type shownOutput struct {
		Path   string `json:"path"`
		Mode   string `json:"mode"`
		Size   int64  `json:"size,omitempty"`
		SHA256 string `json:"sha256,omitempty"`
		Target string `json:"target,omitempty"`
	}
	outputs := make([]shownOutput, len(r.Outputs))
	for i := range r.Outputs {
		o := &r.Outputs[i]
		outputs[i] = shownOutput{Path: o.Path, Mode: o.Mode.String(), Size: o.Size, Target: o.Target}
		if o.Mode.IsRegular() {
			outputs[i].SHA256 = fmt.Sprintf("%x", o.SHA256)
		}
	}
	return json.Marshal(struct {
		ExitCode int           `json:"exit_code"`
		Began    time.Time     `json:"began"`
		Took     float64       `json:"took"`
		Recipe   Recipe        `json:"recipe"`
		Chunks   []shownChunk  `json:"chunks"`
		Outputs  []shownOutput `json:"outputs"`
		Digest   string        `json:"digest"`
	}{r.ExitCode, r.Began, r.Took.Seconds(), r.Recipe, chunks, outputs, r.Digest})
}

func streamName(stream int) string { return [...]string{"stdout", "stderr"}[stream-1] }
