package version

import (
	"context"
	"errors"
	"fmt"
)

// Image is a container image: a Ref or an ImageSpec.
type Image interface {
	// identify returns what tells this image from others, and the same for
	// people. The salt is for digests of what may be secret.
	identify(ctx context.Context, salt string) ([]string, []Component, error)
}

// ContainerImage is the policy that covers Params.ContainerImage: the image of
// a Ref, the recipe of an ImageSpec. No image, and a tag that may change, are
// errors.
func ContainerImage() Policy { return Named("ContainerImage", containerImage) }

func containerImage(ctx context.Context, salt string, p Params) (Part, error) {
	if err := ctx.Err(); err != nil {
		return Part{}, err
	}
	spec, isSpec := p.ContainerImage.(*ImageSpec)
	ref, isRef := p.ContainerImage.(*Ref)
	if p.ContainerImage == nil || isSpec && spec == nil || isRef && ref == nil {
		return Part{}, errors.New("Params.ContainerImage is not set: give a version.Ref or a version.ImageSpec")
	}
	identity, detail, err := p.ContainerImage.identify(ctx, salt)
	if err != nil {
		return Part{}, fmt.Errorf("Params.ContainerImage: %w", err)
	}
	value := digest("ContainerImage", append([]string{salt}, identity...)...)
	return Part{Policy: "ContainerImage", Value: value, Detail: detail}, nil
}

// Ref is a reference to an image: [registry[:port]/]repository[:tag][@digest].
// With a digest, the digest alone identifies the image: another name or tag
// for the same content is the same version. Without one, the whole reference
// does. The tag "latest", or none, is then an error, because the image behind
// it changes; any other tag is taken to be fixed, as is the convention.
type Ref string

// Mutable says that a tag which may change is meant. The reference then stands
// for the image, and a new image under the same tag goes unnoticed.
func (r Ref) Mutable() Image { return mutableRef(r) }

func (r Ref) identify(context.Context, string) ([]string, []Component, error) {
	return identifyRef(string(r), false)
}

type mutableRef string

func (r mutableRef) identify(context.Context, string) ([]string, []Component, error) {
	return identifyRef(string(r), true)
}

func identifyRef(s string, mutable bool) ([]string, []Component, error) {
	ref, err := parseReference(s)
	if err != nil {
		return nil, nil, err
	}
	id, err := ref.identity(mutable)
	if err != nil {
		return nil, nil, err
	}
	detail := []Component{{Name: ref.repository, Digest: short("image", id)}}
	return []string{"ref", id}, detail, nil
}
