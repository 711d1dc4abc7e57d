package version_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"testing/fstest"

	"github.com/reprise-go/reprise/version"
)

// A version given by hand wins; no policy runs.
func ExampleResolve_explicit() {
	v, err := version.Resolve(context.Background(), version.Spec{
		Version:  "2026-03-01",
		Policies: []version.Policy{version.BuildID()},
	})
	fmt.Println(v, v.Explicit, err)
	// Output: 2026-03-01 true <nil>
}

// Several policies: what each one returned is framed, then hashed.
func ExampleResolve_policies() {
	config := fstest.MapFS{
		"config/limits.yaml": {Data: []byte("max: 10\n")},
		"config/names.yaml":  {Data: []byte("- a\n")},
	}
	os.Setenv("RESIZE_QUALITY", "90")
	v, err := version.Resolve(context.Background(), version.Spec{
		Salt:     "2026-q3",
		Policies: []version.Policy{version.FilesIn(config, "config/**/*.yaml"), version.Env("RESIZE_QUALITY")},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(v)
	for _, part := range v.Parts {
		for _, c := range part.Detail {
			fmt.Println(part.Policy, c.Name, c.Digest)
		}
	}
	// Output:
	// 95fec9d00042de2f3c8ae1126eb729d41b8fa5d277d6e60f1bef52ce14c9f6bc
	// Files config/limits.yaml bf0233b35f1222fd
	// Files config/names.yaml 24f157beb3bb6981
	// Env RESIZE_QUALITY 8939109226fc9a24
}

// Nothing would tell old results from new ones.
func ExampleResolve_neither() {
	_, err := version.Resolve(context.Background(), version.Spec{})
	fmt.Println(errors.Is(err, version.ErrNoVersion))
	fmt.Println(err)
	// Output:
	// true
	// version: neither a version nor a policy: set Version (such as "v1"), or give a policy (such as version.Auto())
}

// A policy of one's own: here the version of a data set that the function
// reads.
func ExampleNamed() {
	dataset := version.Named("dataset", func(ctx context.Context, salt string, p version.Params) (version.Part, error) {
		const release = "imagenet-2012.3" // asked of a catalogue, say
		return version.Part{
			Value:  salt + "/" + release,
			Detail: []version.Component{{Name: "imagenet", Digest: release}},
		}, nil
	})
	v, err := version.Resolve(context.Background(), version.Spec{Policies: []version.Policy{dataset}})
	fmt.Println(v, err)
	fmt.Println(v.Parts[0].Policy, v.Parts[0].Value)
	// Output:
	// 3e4fb3d95e80024fd5ad169edfe34a671198570c8081570c8b86270dff39368c <nil>
	// dataset /imagenet-2012.3
}

// A policy that fails is named, with a way to do without it.
func ExamplePolicyError() {
	_, err := version.Resolve(context.Background(), version.Spec{
		Policies: []version.Policy{version.Files("no-such-directory/*.yaml")},
	})
	var failed *version.PolicyError
	if errors.As(err, &failed) {
		fmt.Println(failed.Index, failed.Policy)
	}
	fmt.Println(err)
	// Output:
	// 0 Files
	// version: policy 0 (Files): pattern "no-such-directory/*.yaml" matches no file: check its spelling and the working directory; or set an explicit Version, such as "v1", and no policy runs
}

// The tag latest says nothing about the image behind it.
func ExampleContainerImage() {
	resolve := func(i version.Image) {
		_, err := version.Resolve(context.Background(), version.Spec{
			Policies: []version.Policy{version.ContainerImage()},
			Params:   version.Params{ContainerImage: i},
		})
		fmt.Println(err)
	}
	resolve(version.Ref("ghcr.io/acme/resize@sha256:4d1f9f3c8b7c7e5a6f0b2c3d4e5f60718293a4b5c6d7e8f90a1b2c3d4e5f6071"))
	resolve(version.Ref("ghcr.io/acme/resize:v1.4.2"))
	resolve(version.Ref("ghcr.io/acme/resize:latest").Mutable())
	resolve(version.ImageSpec{Name: "resize", BaseImage: "debian:12.7", AptPackages: []string{"libvips42=8.14.1-3"}})
	resolve(version.Ref("ghcr.io/acme/resize:latest"))
	// Output:
	// <nil>
	// <nil>
	// <nil>
	// <nil>
	// version: policy 0 (ContainerImage): Params.ContainerImage: "ghcr.io/acme/resize:latest" may be another image tomorrow: pin it by digest (ghcr.io/acme/resize:latest@sha256:…), or say that it is meant with Ref(…).Mutable() or ImageSpec.AllowMutableTag; or set an explicit Version, such as "v1", and no policy runs
}

// What generated code does, and what the policy makes of it.
func ExampleRegister() {
	version.Register(version.Registration{
		Name:     "example.resize",
		Version:  "c1:98d4f7a2",
		Package:  "example.com/images",
		Manifest: []byte("images.Resize 5be1\nimages.scale 07c2\n"),
	})
	for _, name := range []string{"example.resize", "example.crop"} {
		v, err := version.Resolve(context.Background(), version.Spec{
			Policies: []version.Policy{version.FunctionBody()},
			Params:   version.Params{Name: name},
		})
		if err != nil {
			fmt.Println(errors.Is(err, version.ErrNotRegistered), err)
			continue
		}
		fmt.Println(v.Parts[0].Policy, v.Parts[0].Detail)
	}
	// Output:
	// FunctionBody [{images.Resize 5be1} {images.scale 07c2}]
	// true version: policy 0 (FunctionBody): no code version is registered under "example.crop": generate its code version, or use Auto or BuildID; or set an explicit Version, such as "v1", and no policy runs
}

// A pod template by value, and one that the cluster knows by name.
func ExamplePodTemplate() {
	type pod struct {
		Node string
		CPUs int
	}
	for _, p := range []version.Params{
		{PodTemplate: pod{"gpu", 8}},
		{PodTemplate: `{"spec":{"nodeSelector":{"pool":"gpu"}}}`},
		{PodTemplateName: "gpu-large"},
		{},
	} {
		part, err := version.PodTemplate().Version(context.Background(), "", p)
		if err != nil {
			fmt.Println(err)
			continue
		}
		fmt.Println(part.Detail[0].Name, len(part.Value))
	}
	// Output:
	// template 64
	// template 64
	// name 64
	// neither Params.PodTemplate nor Params.PodTemplateName is set
}
