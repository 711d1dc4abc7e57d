// Package version derives the version of a cached function: the part of its
// key that stands for the code, the image, the configuration and whatever else
// decides the result without being an input.
//
// A version is either given by hand or formed by policies:
//
//	v, err := version.Resolve(ctx, version.Spec{
//		Salt:     "2026-q3",
//		Policies: []version.Policy{version.Auto(), version.Files("config/**/*.yaml")},
//	})
//
// An explicit version wins and no policy runs. With one policy the version is
// the hex SHA-256 of what the policy returned; with several, of the framed
// list of what they returned, so that ("1", "23") and ("12", "3") differ.
//
// Every policy here is safe for concurrent use and reads what it covers anew
// at each call, except BuildID and Modules: the running executable does not
// change, so it is read once per process.
package version
