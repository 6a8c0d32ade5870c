package render

import (
	"encoding/json"
	"strings"
)

// Object is one manifest and, where the tool tells, the file of the repository that it came from.
type Object struct {
	Manifest map[string]any `json:"manifest"`
	File     string         `json:"file,omitempty"`
}

// place of a manifest for messages.
type place struct {
	file string
	line int
}

// objects collects manifests in order; lists are taken apart.
type objects struct {
	list []Object
}

// add takes a parsed document: a manifest, a list of manifests, or nil for an empty document.
func (o *objects) add(value any, at place, file string) *Failure {
	if value == nil {
		return nil
	}
	manifest, ok := value.(map[string]any)
	if !ok {
		return failedAt(codeInvalid, at.file, at.line, "a manifest is a map with apiVersion, kind and metadata")
	}
	if items, isList := listItems(manifest); isList {
		for _, item := range items {
			if failure := o.add(item, at, file); failure != nil {
				return failure
			}
		}
		return nil
	}
	if problem := objectProblem(manifest); problem != "" {
		return failedAt(codeInvalid, at.file, at.line, "%s", problem)
	}
	if len(o.list) == objectsMax {
		return failed(codeTooLarge, "more than %d objects: split the application", objectsMax)
	}
	o.list = append(o.list, Object{Manifest: manifest, File: file})
	return nil
}

// listItems: `kind: …List` with an items field, which may be null.
func listItems(manifest map[string]any) ([]any, bool) {
	kind, _ := manifest["kind"].(string)
	items, has := manifest["items"]
	if !has || !strings.HasSuffix(kind, "List") {
		return nil, false
	}
	if items == nil {
		return nil, true
	}
	list, ok := items.([]any)
	return list, ok
}

func objectProblem(manifest map[string]any) string {
	for _, field := range []string{"apiVersion", "kind"} {
		if text, _ := manifest[field].(string); text == "" {
			return field + " is missing"
		}
	}
	kind := manifest["kind"].(string)
	metadata, _ := manifest["metadata"].(map[string]any)
	if name, _ := metadata["name"].(string); name != "" {
		return ""
	}
	if name, _ := metadata["generateName"].(string); name != "" {
		return ""
	}
	if _, isText := metadata["name"].(string); metadata["name"] != nil && !isText {
		return kind + ": metadata.name is not a string (put it in quotes)"
	}
	return kind + ": metadata.name is missing"
}

// marshal returns the objects as a JSON array.
func (o *objects) marshal() ([]byte, *Failure) {
	if o.list == nil {
		return []byte("[]"), nil
	}
	text, err := json.Marshal(o.list)
	if err != nil {
		return nil, failed(codeInvalid, "the manifests have no JSON form: %v", err)
	}
	if len(text) > manifestBytesMax {
		return nil, failed(codeTooLarge, "the manifests are over %d MiB together: split the application", manifestBytesMax>>20)
	}
	return text, nil
}
