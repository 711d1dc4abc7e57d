package version

import (
	"context"
	"errors"
	"fmt"
	"reflect"

	"github.com/reprise-go/reprise/internal/canon"
)

// PodTemplate is the policy that covers Params.PodTemplate, by value and type,
// and Params.PodTemplateName. At least one must be set. A name stands for
// itself: that the cluster's template of this name changed goes unnoticed.
//
// A template with parts that have no canonical encoding (functions, channels,
// unexported fields) is an error. Types of the Kubernetes API hold such
// fields in their quantities: give the template's JSON or YAML, as text, which
// counts byte by byte.
func PodTemplate() Policy { return Named("PodTemplate", podTemplate) }

func podTemplate(ctx context.Context, salt string, p Params) (Part, error) {
	if err := ctx.Err(); err != nil {
		return Part{}, err
	}
	part := Part{Policy: "PodTemplate"}
	parts := []string{salt}
	if !isNil(p.PodTemplate) {
		b, err := canon.AppendAny(ctx, nil, p.PodTemplate)
		if err != nil {
			return Part{}, fmt.Errorf("Params.PodTemplate (%T): %w; or give its JSON or YAML as a string", p.PodTemplate, err)
		}
		parts = append(parts, "template", string(b))
		part.Detail = append(part.Detail, Component{"template", short("template", string(b))})
	}
	if p.PodTemplateName != "" {
		parts = append(parts, "name", p.PodTemplateName)
		part.Detail = append(part.Detail, Component{"name", short("name", p.PodTemplateName)})
	}
	if len(parts) == 1 {
		return Part{}, errors.New("neither Params.PodTemplate nor Params.PodTemplateName is set")
	}
	part.Value = digest("PodTemplate", parts...)
	return part, nil
}

// isNil reports whether v is no template: nil, or a nil pointer, map or slice.
func isNil(v any) bool {
	if v == nil {
		return true
	}
	switch r := reflect.ValueOf(v); r.Kind() {
	case reflect.Pointer, reflect.Map, reflect.Slice:
		return r.IsNil()
	}
	return false
}
