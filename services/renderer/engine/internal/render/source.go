package render

import "encoding/json"

// Source is an Application's source (libs/contracts, ApplicationSource) as far as the engine reads it. A pointer that
// is set, even to an empty object, decides the tool.
type Source struct {
	Helm      *HelmSource      `json:"helm"`
	Kustomize *KustomizeSource `json:"kustomize"`
	Directory *DirectorySource `json:"directory"`
	Plugin    map[string]any   `json:"plugin"`
}

// HelmSource is `source.helm`.
type HelmSource struct {
	ValueFiles              []string        `json:"valueFiles"`
	Parameters              []HelmParameter `json:"parameters"`
	FileParameters          []FileParameter `json:"fileParameters"`
	ReleaseName             string          `json:"releaseName"`
	Values                  string          `json:"values"`
	ValuesObject            json.RawMessage `json:"valuesObject"`
	IgnoreMissingValueFiles bool            `json:"ignoreMissingValueFiles"`
	SkipCRDs                bool            `json:"skipCrds"`
	SkipTests               bool            `json:"skipTests"`
	SkipSchemaValidation    bool            `json:"skipSchemaValidation"`
	Namespace               string          `json:"namespace"`
	KubeVersion             string          `json:"kubeVersion"`
	APIVersions             []string        `json:"apiVersions"`
}

// HelmParameter is one `--set`, or `--set-string` when forced.
type HelmParameter struct {
	Name        string `json:"name"`
	Value       string `json:"value"`
	ForceString bool   `json:"forceString"`
}

// FileParameter is one `--set-file`.
type FileParameter struct {
	Name string `json:"name"`
	Path string `json:"path"`
}

// KustomizeSource is `source.kustomize`.
type KustomizeSource struct {
	NamePrefix                string            `json:"namePrefix"`
	NameSuffix                string            `json:"nameSuffix"`
	Images                    []string          `json:"images"`
	CommonLabels              map[string]string `json:"commonLabels"`
	CommonAnnotations         map[string]string `json:"commonAnnotations"`
	ForceCommonLabels         bool              `json:"forceCommonLabels"`
	ForceCommonAnnotations    bool              `json:"forceCommonAnnotations"`
	LabelWithoutSelector      bool              `json:"labelWithoutSelector"`
	LabelIncludeTemplates     bool              `json:"labelIncludeTemplates"`
	CommonAnnotationsEnvsubst bool              `json:"commonAnnotationsEnvsubst"`
	Namespace                 string            `json:"namespace"`
	Replicas                  []KustomizeCount  `json:"replicas"`
	Patches                   json.RawMessage   `json:"patches"`
	Components                []string          `json:"components"`
	IgnoreMissingComponents   bool              `json:"ignoreMissingComponents"`
}

// KustomizeCount sets the replicas of a resource. Count is a number or a string with one.
type KustomizeCount struct {
	Name  string `json:"name"`
	Count any    `json:"count"`
}

// DirectorySource is `source.directory`.
type DirectorySource struct {
	Recurse bool            `json:"recurse"`
	Include string          `json:"include"`
	Exclude string          `json:"exclude"`
	Jsonnet json.RawMessage `json:"jsonnet"`
}

// mergePatch applies an RFC 7386 merge patch.
func mergePatch(target, patch any) any {
	changes, ok := patch.(map[string]any)
	if !ok {
		return patch
	}
	merged := map[string]any{}
	if fields, ok := target.(map[string]any); ok {
		for name, value := range fields {
			merged[name] = value
		}
	}
	for name, change := range changes {
		if change == nil {
			delete(merged, name)
		} else {
			merged[name] = mergePatch(merged[name], change)
		}
	}
	return merged
}
