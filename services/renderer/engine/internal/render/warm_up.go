package render

import (
	"encoding/json"

	"plumbline.dev/renderer/engine/internal/tree"
)

// WarmUp renders a small overlay, so that the first real one doesn't pay for reading Kubernetes' schema (100 ms).
func WarmUp() error {
	_, err := Render(Request{Path: ".", Source: json.RawMessage("{}")}, warmUpFiles{
		"kustomization.yaml": "resources: [web.yaml]\ncommonLabels: {a: b}\nimages: [{name: i, newTag: t}]\npatches: [{path: patch.yaml}]\n",
		"web.yaml":           "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\nspec: {template: {spec: {containers: [{name: c, image: i}]}}}\n",
		"patch.yaml":         "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\nspec: {template: {spec: {containers: [{name: c, tty: true}]}}}\n",
	})
	return err
}

// warmUpFiles is a flat repository.
type warmUpFiles map[string]string

func (f warmUpFiles) Read(paths []string) ([]tree.Node, error) {
	nodes := make([]tree.Node, len(paths))
	for i, p := range paths {
		content, exists := f[p]
		switch {
		case p == ".":
			nodes[i].Kind = tree.Directory
		case exists:
			nodes[i] = tree.Node{Kind: tree.File, Bytes: []byte(content)}
		default:
			nodes[i].Kind = tree.Absent
		}
	}
	return nodes, nil
}

func (f warmUpFiles) List(paths []string) ([]tree.Listing, error) {
	listing := tree.Listing{Kind: tree.Directory}
	for _, name := range sortedKeys(f) {
		listing.Entries = append(listing.Entries, tree.Entry{Name: name, Kind: tree.File})
	}
	listings := make([]tree.Listing, len(paths))
	for i := range paths {
		listings[i] = listing
	}
	return listings, nil
}
