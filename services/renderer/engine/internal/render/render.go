// Package render turns a place in a repository into manifests, as Argo CD would, with the libraries that users' charts
// and overlays are written against. It reads through tree.Tree and nothing else: no disk, no network, no environment.
package render

import (
	"encoding/json"
	"errors"
	"fmt"
	"path"
	"strings"

	"plumbline.dev/renderer/engine/internal/tree"
)

// Names of the build environment that the engine itself asks for.
const (
	appName      = "ARGOCD_APP_NAME"
	appNamespace = "ARGOCD_APP_NAMESPACE"
)

// Request says what to render.
type Request struct {
	// Path of the application in the repository.
	Path string `json:"path"`
	// Source as the user wrote it.
	Source json.RawMessage `json:"source"`
	// Environment: ARGOCD_APP_NAME, ARGOCD_APP_NAMESPACE (the destination's) and the rest.
	Environment map[string]string `json:"environment"`
	KubeVersion string            `json:"kubeVersion"`
	APIVersions []string          `json:"apiVersions"`
}

// Result of a render. What it depended on besides the files it read: EnvironmentUsed, CapabilitiesUsed.
type Result struct {
	SourceType       string   `json:"sourceType"`
	Objects          int      `json:"objects"`
	EnvironmentUsed  []string `json:"environmentUsed"`
	CapabilitiesUsed bool     `json:"capabilitiesUsed"`
	// Manifests is a JSON array of Object.
	Manifests []byte `json:"-"`
}

// run is one render.
type run struct {
	request     Request
	path        string
	source      Source
	tree        *tree.Tree
	environment *environment
	objects     objects
	// capabilitiesUsed: the result may depend on the cluster's version or API versions.
	capabilitiesUsed bool
}

// Render answers a request from a repository. The error is a *Failure, or tree.ErrAborted.
func Render(request Request, source tree.Source) (result *Result, err error) {
	r := &run{request: request, tree: tree.New(source), environment: newEnvironment(request.Environment)}
	defer func() {
		if problem := recover(); problem != nil {
			err = failed(codeRender, "the rendering library failed on this input: %v", withoutValues(fmt.Sprint(problem)))
		}
		// A library may have swallowed it, or made a misleading message of it.
		if r.tree.Err() != nil {
			result, err = nil, r.tree.Err()
		}
	}()
	sourceType, err := r.render()
	if err != nil {
		if failure, ok := asFailure(err); ok {
			return nil, failure
		}
		if errors.Is(err, tree.ErrAborted) {
			return nil, err
		}
		return nil, failed(codeRender, "%v", err)
	}
	manifests, failure := r.objects.marshal()
	if failure != nil {
		return nil, failure
	}
	return &Result{
		SourceType:       sourceType,
		Objects:          len(r.objects.list),
		EnvironmentUsed:  r.environment.usedNames(),
		CapabilitiesUsed: r.capabilitiesUsed,
		Manifests:        manifests,
	}, nil
}

func (r *run) render() (string, error) {
	cleaned, inside := tree.Clean(r.request.Path)
	if r.request.Path == "" || !inside {
		return "", failed(codeNoPath, "%q is not a path in the repository", r.request.Path)
	}
	r.path = cleaned
	listing, err := r.tree.List(r.path)
	if err != nil {
		return "", err
	}
	switch listing.Kind {
	case tree.Absent:
		return "", failed(codeNoPath, "%s: there is no such directory in the repository at this revision", r.path)
	case tree.File:
		return "", failed(codeNoPath, "%s: is a file; an application's path is a directory", r.path)
	}
	if err := r.readSource(listing); err != nil {
		return "", err
	}
	sourceType, err := r.sourceType(listing)
	if err != nil {
		return "", err
	}
	switch sourceType {
	case "Helm":
		return sourceType, r.renderHelm()
	case "Kustomize":
		return sourceType, r.renderKustomize()
	default:
		return sourceType, r.renderDirectory()
	}
}

// readSource decodes the source after merging .argocd-source.yaml and .argocd-source-<application>.yaml over it.
func (r *run) readSource(listing tree.Listing) error {
	merged, err := parseJSON(r.request.Source)
	if err != nil {
		return err
	}
	for _, name := range r.overrideFiles(listing) {
		file := path.Join(r.path, name)
		node, err := r.tree.Read(file)
		if err != nil {
			return err
		}
		patch, failure := parseYAML(file, document{line: 1, text: node.Bytes})
		if failure != nil {
			return failure
		}
		if patch != nil {
			merged = mergePatch(merged, patch)
		}
	}
	text, err := json.Marshal(merged)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(text, &r.source); err != nil {
		return failed(codeInvalid, "spec.source: %s", sourceProblem(err))
	}
	return nil
}

const (
	overrideFile       = ".argocd-source.yaml"
	overrideFilePrefix = ".argocd-source-"
)

// overrideFiles: the general one first, so that the application's own wins. The name of the application counts as used
// only if there is such a file for anybody.
func (r *run) overrideFiles(listing tree.Listing) []string {
	var general, own []string
	for _, entry := range listing.Entries {
		switch {
		case entry.Kind != tree.File:
		case entry.Name == overrideFile:
			general = append(general, entry.Name)
		case strings.HasPrefix(entry.Name, overrideFilePrefix):
			if entry.Name == overrideFilePrefix+r.environment.get(appName)+".yaml" {
				own = append(own, entry.Name)
			}
		}
	}
	return append(general, own...)
}

// sourceProblem names the field, never its value.
func sourceProblem(err error) string {
	var wrong *json.UnmarshalTypeError
	if errors.As(err, &wrong) {
		return fmt.Sprintf("%s: a %s is not what belongs here", wrong.Field, wrong.Value)
	}
	return "can't be read"
}

// sourceType: what the source says, else what lies at the path.
func (r *run) sourceType(listing tree.Listing) (string, error) {
	var explicit []string
	if r.source.Helm != nil {
		explicit = append(explicit, "Helm")
	}
	if r.source.Kustomize != nil {
		explicit = append(explicit, "Kustomize")
	}
	if r.source.Directory != nil {
		explicit = append(explicit, "Directory")
	}
	if r.source.Plugin != nil {
		return "", failed(codeUnsupported, "config management plugins are not run by this version: render into the repository instead")
	}
	switch len(explicit) {
	case 0:
	case 1:
		return explicit[0], nil
	default:
		return "", failed(codeInvalid, "spec.source: %s and %s exclude each other: keep one", explicit[0], explicit[1])
	}
	implicit := "Directory"
	for _, entry := range listing.Entries {
		if entry.Kind != tree.File {
			continue
		}
		switch entry.Name {
		case "kustomization.yaml", "kustomization.yml", "Kustomization":
			return "Kustomize", nil
		case "Chart.yaml":
			implicit = "Helm"
		}
	}
	return implicit, nil
}
