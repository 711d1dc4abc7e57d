package version

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
)

// ImageSpec is the recipe of an image that is built for the function. Every
// field counts; an empty one says nothing. Packages that name no version are
// taken at their word.
type ImageSpec struct {
	// Registry and Name say where the image goes, such as "ghcr.io/acme" and
	// "resize". A Registry alone is an error.
	Registry, Name string
	// Tag of the image. Empty: the recipe names the image, as builders do.
	// "latest" is an error unless AllowMutableTag.
	Tag string
	// BaseImage is the reference that the recipe starts from, with the rules
	// of Ref: a tag that may change is an error unless AllowMutableTag.
	BaseImage string
	// Platform, such as "linux/arm64".
	Platform string
	// Packages and AptPackages are installed, in no particular order.
	Packages, AptPackages []string
	// Env is set in the image. Part.Detail holds digests of the values only.
	Env map[string]string
	// Commands run during the build, in this order.
	Commands []string
	// CopyFiles are patterns, as of Files, of what is copied into the image.
	// They count by content. Order does not matter.
	CopyFiles []string
	// Entrypoint of the image, in this order.
	Entrypoint []string
	// AllowMutableTag says that Tag or BaseImage may name another image later,
	// and that this is meant: it goes unnoticed. It is itself no part of the
	// recipe.
	AllowMutableTag bool
}

// recipe collects the fields of an ImageSpec by name.
type recipe struct {
	identity []string
	detail   []Component
}

// add notes a field that has values. Empty ones are left out, so that a field
// which a later release adds does not change the version of every image.
func (r *recipe) add(field string, values ...string) {
	if len(values) == 0 {
		return
	}
	r.identity = append(r.identity, field, string(frame(values...)))
	r.detail = append(r.detail, Component{Name: field, Digest: short("ImageSpec."+field, values...)})
}

func (s ImageSpec) identify(ctx context.Context, salt string) ([]string, []Component, error) {
	var r recipe
	if err := s.addImages(&r); err != nil {
		return nil, nil, err
	}
	if s.Platform != "" {
		r.add("Platform", s.Platform)
	}
	for _, list := range []struct {
		field  string
		values []string
	}{{"Packages", s.Packages}, {"AptPackages", s.AptPackages}} {
		if err := r.addSet(list.field, list.values); err != nil {
			return nil, nil, err
		}
	}
	if err := r.addEnv(salt, s.Env); err != nil {
		return nil, nil, err
	}
	r.add("Commands", s.Commands...)
	r.add("Entrypoint", s.Entrypoint...)
	if err := r.addFiles(ctx, s.CopyFiles); err != nil {
		return nil, nil, err
	}
	if len(r.identity) == 0 {
		return nil, nil, errors.New("the ImageSpec is empty: it describes no image")
	}
	return append([]string{"spec"}, r.identity...), r.detail, nil
}

// addImages notes the image's own name and the one it is based on.
func (s ImageSpec) addImages(r *recipe) error {
	if s.Name == "" && (s.Registry != "" || s.Tag != "") {
		return errors.New("ImageSpec has a Registry or a Tag, but no Name")
	}
	if s.Name != "" {
		own, err := s.ownReference()
		if err != nil {
			return err
		}
		r.add("Name", own)
	}
	if s.BaseImage == "" {
		return nil
	}
	base, err := parseReference(s.BaseImage)
	if err != nil {
		return fmt.Errorf("ImageSpec.BaseImage: %w", err)
	}
	id, err := base.identity(s.AllowMutableTag)
	if err != nil {
		return fmt.Errorf("ImageSpec.BaseImage: %w", err)
	}
	r.add("BaseImage", id)
	return nil
}

// ownReference is the name that the fields of s give to the image.
func (s ImageSpec) ownReference() (string, error) {
	full := s.Name
	if s.Registry != "" {
		full = s.Registry + "/" + s.Name
	}
	if s.Tag != "" {
		full += ":" + s.Tag
	}
	ref, err := parseReference(full)
	if err != nil {
		return "", fmt.Errorf("ImageSpec: %w", err)
	}
	// Without a tag the recipe is the name, and that does not change.
	return ref.identity(s.AllowMutableTag || s.Tag == "")
}

// addSet notes values whose order and repetition do not matter.
func (r *recipe) addSet(field string, values []string) error {
	if slices.ContainsFunc(values, func(v string) bool { return strings.TrimSpace(v) == "" }) {
		return fmt.Errorf("ImageSpec.%s holds an empty name", field)
	}
	r.add(field, sortedSet(values)...)
	return nil
}

// addEnv notes variables one by one, so that a miss can say which one changed.
func (r *recipe) addEnv(salt string, env map[string]string) error {
	for _, name := range slices.Sorted(maps.Keys(env)) {
		if err := checkVariable(name); err != nil {
			return fmt.Errorf("ImageSpec.Env: %w", err)
		}
		r.identity = append(r.identity, "Env", string(frame(name, env[name])))
		r.detail = append(r.detail, Component{"Env " + name, variableDigest(salt, name, env[name])})
	}
	return nil
}

func (r *recipe) addFiles(ctx context.Context, patterns []string) error {
	if len(patterns) == 0 {
		return nil
	}
	files, err := hashFiles(ctx, os.DirFS("."), patterns)
	if err != nil {
		return fmt.Errorf("ImageSpec.CopyFiles: %w", err)
	}
	for _, f := range files {
		r.identity = append(r.identity, "CopyFiles", string(frame(f.name, f.sum)))
		r.detail = append(r.detail, Component{"CopyFiles " + f.name, f.sum[:shortDigits]})
	}
	return nil
}

// sortedSet returns values sorted and without duplicates, and leaves the
// caller's slice as it is.
func sortedSet(values []string) []string {
	return slices.Compact(slices.Sorted(slices.Values(values)))
}
