// Package tree is the repository as one render sees it: read-only, fetched piece by piece from the host, nothing
// outside its root. It asks for each path once.
package tree

import (
	"errors"
	"path"
	"sort"
	"strings"
)

// Kind says what a path is. Symbolic links are resolved by the host.
type Kind string

const (
	File      Kind = "file"
	Directory Kind = "directory"
	Absent    Kind = "absent"
)

// Node is what was found at a path; Bytes only for a file.
type Node struct {
	Kind  Kind
	Bytes []byte
}

// Entry of a directory.
type Entry struct {
	Name string `json:"name"`
	Kind Kind   `json:"kind"`
}

// Listing of a directory, by name; Kind is Absent or File where there is none.
type Listing struct {
	Kind    Kind    `json:"kind"`
	Entries []Entry `json:"entries"`
}

// Source answers from the repository, in the order of the paths.
type Source interface {
	Read(paths []string) ([]Node, error)
	List(paths []string) ([]Listing, error)
}

// ErrAborted: the host ended the render and knows why.
var ErrAborted = errors.New("the host ended this render")

// Tree remembers what it was told for the duration of one render.
type Tree struct {
	source   Source
	nodes    map[string]Node
	listings map[string]Listing
	failed   error
}

// New returns a tree that asks source.
func New(source Source) *Tree {
	return &Tree{source: source, nodes: map[string]Node{}, listings: map[string]Listing{}}
}

// Err is the first failure of the source. Libraries may swallow it; the render may not.
func (t *Tree) Err() error { return t.failed }

// Clean makes a path relative to the root; false when it leaves the repository.
func Clean(p string) (string, bool) {
	cleaned := path.Clean(strings.TrimPrefix(p, "/"))
	return cleaned, cleaned != ".." && !strings.HasPrefix(cleaned, "../")
}

// Fetch asks for many paths in one round trip.
func (t *Tree) Fetch(paths []string) error {
	if t.failed != nil {
		return t.failed
	}
	var unknown []string
	for _, p := range paths {
		if _, known := t.nodes[p]; !known {
			unknown = append(unknown, p)
		}
	}
	if len(unknown) == 0 {
		return nil
	}
	nodes, err := t.source.Read(unknown)
	if err != nil {
		t.failed = err
		return err
	}
	for i, node := range nodes {
		t.nodes[unknown[i]] = node
	}
	return nil
}

// Read returns what is at a path; what leaves the repository is absent.
func (t *Tree) Read(p string) (Node, error) {
	cleaned, inside := Clean(p)
	if !inside {
		return Node{Kind: Absent}, nil
	}
	if err := t.Fetch([]string{cleaned}); err != nil {
		return Node{}, err
	}
	return t.nodes[cleaned], nil
}

// Known returns what was already read, without asking.
func (t *Tree) Known(p string) (Node, bool) {
	node, known := t.nodes[p]
	return node, known
}

// FilesRead returns the paths of all files that were read, sorted.
func (t *Tree) FilesRead() []string {
	var files []string
	for p, node := range t.nodes {
		if node.Kind == File {
			files = append(files, p)
		}
	}
	sort.Strings(files)
	return files
}

// List returns the entries of a directory.
func (t *Tree) List(p string) (Listing, error) {
	cleaned, inside := Clean(p)
	if !inside {
		return Listing{Kind: Absent}, nil
	}
	listings, err := t.listAll([]string{cleaned})
	if err != nil {
		return Listing{}, err
	}
	return listings[0], nil
}

func (t *Tree) listAll(paths []string) ([]Listing, error) {
	if t.failed != nil {
		return nil, t.failed
	}
	var unknown []string
	for _, p := range paths {
		if _, known := t.listings[p]; !known {
			unknown = append(unknown, p)
		}
	}
	if len(unknown) > 0 {
		answers, err := t.source.List(unknown)
		if err != nil {
			t.failed = err
			return nil, err
		}
		for i, listing := range answers {
			t.listings[unknown[i]] = listing
		}
	}
	listings := make([]Listing, len(paths))
	for i, p := range paths {
		listings[i] = t.listings[p]
	}
	return listings, nil
}

// depthMax bounds a walk: a link to a directory above itself would go on for ever.
const depthMax = 64

// Walk returns the files below a directory, sorted, asking one level at a time. enter and take get paths relative to
// dir and say which directories are entered and which files are returned.
func (t *Tree) Walk(dir string, enter, take func(relative string) bool) ([]string, error) {
	var files []string
	level := []string{dir}
	for depth := 0; len(level) > 0; depth++ {
		if depth == depthMax {
			return nil, errors.New(dir + ": directories are nested too deep, or a symbolic link leads in a circle")
		}
		listings, err := t.listAll(level)
		if err != nil {
			return nil, err
		}
		var next []string
		for i, listing := range listings {
			for _, entry := range listing.Entries {
				p := path.Join(level[i], entry.Name)
				relative := p
				if dir != "." {
					relative = strings.TrimPrefix(p, dir+"/")
				}
				switch {
				case entry.Kind == Directory && enter(relative):
					next = append(next, p)
				case entry.Kind == File && take(relative):
					files = append(files, p)
				}
			}
		}
		level = next
	}
	sort.Strings(files)
	return files, nil
}
