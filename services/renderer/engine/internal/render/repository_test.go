package render

import (
	"encoding/json"
	"path"
	"sort"
	"strings"
	"testing"

	"plumbline.dev/renderer/engine/internal/tree"
)

// repository is a tree of files by path; it records what was asked.
type repository struct {
	files map[string]string
	read  map[string]bool
}

func (r *repository) kind(p string) tree.Kind {
	if _, ok := r.files[p]; ok {
		return tree.File
	}
	for file := range r.files {
		if p == "." || strings.HasPrefix(file, p+"/") {
			return tree.Directory
		}
	}
	return tree.Absent
}

func (r *repository) Read(paths []string) ([]tree.Node, error) {
	var nodes []tree.Node
	for _, p := range paths {
		r.read[p] = true
		node := tree.Node{Kind: r.kind(p)}
		if node.Kind == tree.File {
			node.Bytes = []byte(r.files[p])
		}
		nodes = append(nodes, node)
	}
	return nodes, nil
}

func (r *repository) List(paths []string) ([]tree.Listing, error) {
	var listings []tree.Listing
	for _, p := range paths {
		listing := tree.Listing{Kind: r.kind(p)}
		names := map[string]bool{}
		for file := range r.files {
			below := strings.TrimPrefix(file, p+"/")
			if p != "." && below == file {
				continue
			}
			name, _, _ := strings.Cut(below, "/")
			names[name] = true
		}
		for name := range names {
			listing.Entries = append(listing.Entries, tree.Entry{Name: name, Kind: r.kind(path.Join(p, name))})
		}
		sort.Slice(listing.Entries, func(i, j int) bool { return listing.Entries[i].Name < listing.Entries[j].Name })
		listings = append(listings, listing)
	}
	return listings, nil
}

// repo reads a fixture: `== path` lines, each followed by a file's content.
func repo(text string) *repository {
	files := map[string]string{}
	for _, part := range strings.Split("\n"+text, "\n== ")[1:] {
		name, content, _ := strings.Cut(part, "\n")
		files[strings.TrimSpace(name)] = strings.TrimPrefix(content+"\n", "\n")
	}
	return &repository{files: files, read: map[string]bool{}}
}

type outcome struct {
	*Result
	objects []Object
	repo    *repository
}

func request(p, source string) Request {
	return Request{
		Path:        p,
		Source:      json.RawMessage(source),
		KubeVersion: "v1.34.1",
		APIVersions: []string{"example.org/v1"},
		Environment: map[string]string{
			"ARGOCD_APP_NAME": "shop", "ARGOCD_APP_NAMESPACE": "store", "ARGOCD_APP_REVISION": "0123456789abcdef0123456789abcdef01234567",
		},
	}
}

func mustRender(t *testing.T, fixture, p, source string) outcome {
	t.Helper()
	r := repo(fixture)
	result, err := Render(request(p, source), r)
	if err != nil {
		t.Fatalf("render failed: %v", err)
	}
	var list []Object
	if err := json.Unmarshal(result.Manifests, &list); err != nil {
		t.Fatal(err)
	}
	return outcome{result, list, r}
}

func mustFail(t *testing.T, fixture, p, source string) *Failure {
	t.Helper()
	result, err := Render(request(p, source), repo(fixture))
	if err == nil {
		t.Fatalf("no failure, but %s", result.Manifests)
	}
	failure, ok := asFailure(err)
	if !ok {
		t.Fatalf("not a Failure: %v", err)
	}
	return failure
}

// names lists the objects as Kind/name.
func (o outcome) names() string {
	var names []string
	for _, object := range o.objects {
		names = append(names, object.Manifest["kind"].(string)+"/"+object.Manifest["metadata"].(map[string]any)["name"].(string))
	}
	return strings.Join(names, " ")
}

// at follows a path of keys and indexes ("spec.containers.0.image") in the object of that kind.
func (o outcome) at(t *testing.T, kind, field string) any {
	t.Helper()
	for _, object := range o.objects {
		if object.Manifest["kind"] == kind {
			return follow(object.Manifest, field)
		}
	}
	t.Fatalf("no %s among %s", kind, o.names())
	return nil
}

func follow(value any, field string) any {
	for _, step := range strings.Split(field, ".") {
		switch v := value.(type) {
		case map[string]any:
			value = v[step]
		case []any:
			value = v[int(step[0]-'0')]
		default:
			return nil
		}
	}
	return value
}

func equal(t *testing.T, what string, got, want any) {
	t.Helper()
	g, _ := json.Marshal(got)
	w, _ := json.Marshal(want)
	if string(g) != string(w) {
		t.Errorf("%s: got %s, want %s", what, g, w)
	}
}
