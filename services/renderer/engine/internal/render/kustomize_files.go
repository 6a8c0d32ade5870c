package render

import (
	"errors"
	"io/fs"
	"path"
	"path/filepath"
	"strings"

	"plumbline.dev/renderer/engine/internal/tree"
	"sigs.k8s.io/kustomize/kyaml/filesys"
)

// mount is where Kustomize sees the repository's root; above it there is nothing.
const mount = "/repository"

// repositoryFiles is the repository as Kustomize's file system: read-only.
type repositoryFiles struct {
	tree *tree.Tree
	// replaced holds files that the application's options have changed, by path in the repository.
	replaced map[string][]byte
	// inspect sees each file that is read.
	inspect func(file string, content []byte) error
}

var _ filesys.FileSystem = (*repositoryFiles)(nil)

var errReadOnly = errors.New("the repository is read-only")

func (f *repositoryFiles) Create(string) (filesys.File, error) { return nil, errReadOnly }
func (f *repositoryFiles) Mkdir(string) error                  { return errReadOnly }
func (f *repositoryFiles) MkdirAll(string) error               { return errReadOnly }
func (f *repositoryFiles) RemoveAll(string) error              { return errReadOnly }
func (f *repositoryFiles) WriteFile(string, []byte) error      { return errReadOnly }

// Open is only used by Kustomize's commands.
func (f *repositoryFiles) Open(string) (filesys.File, error) { return nil, errReadOnly }

// inside turns Kustomize's path into the repository's; false outside.
func inside(name string) (string, bool) {
	cleaned := path.Clean("/" + name)
	if cleaned == mount {
		return ".", true
	}
	return strings.CutPrefix(cleaned, mount+"/")
}

func (f *repositoryFiles) node(name string) (tree.Node, string, error) {
	relative, ok := inside(name)
	if !ok {
		return tree.Node{Kind: tree.Absent}, relative, nil
	}
	if content, ok := f.replaced[relative]; ok {
		return tree.Node{Kind: tree.File, Bytes: content}, relative, nil
	}
	node, err := f.tree.Read(relative)
	return node, relative, err
}

func (f *repositoryFiles) kind(name string) tree.Kind {
	node, _, err := f.node(name)
	if err != nil {
		return tree.Absent
	}
	return node.Kind
}

func (f *repositoryFiles) IsDir(name string) bool  { return f.kind(name) == tree.Directory }
func (f *repositoryFiles) Exists(name string) bool { return f.kind(name) != tree.Absent }

func (f *repositoryFiles) CleanedAbs(name string) (filesys.ConfirmedDir, string, error) {
	cleaned := path.Clean("/" + name)
	if _, ok := inside(cleaned); !ok {
		return "", "", errors.New("it leads out of the repository")
	}
	switch f.kind(cleaned) {
	case tree.Directory:
		return filesys.ConfirmedDir(cleaned), "", nil
	case tree.File:
		return filesys.ConfirmedDir(path.Dir(cleaned)), path.Base(cleaned), nil
	default:
		return "", "", &fs.PathError{Op: "find", Path: cleaned, Err: fs.ErrNotExist}
	}
}

func (f *repositoryFiles) ReadFile(name string) ([]byte, error) {
	node, relative, err := f.node(name)
	if err != nil {
		return nil, err
	}
	if node.Kind != tree.File {
		return nil, &fs.PathError{Op: "read", Path: name, Err: fs.ErrNotExist}
	}
	if err := f.inspect(relative, node.Bytes); err != nil {
		return nil, err
	}
	return node.Bytes, nil
}

func (f *repositoryFiles) ReadDir(name string) ([]string, error) {
	relative, ok := inside(name)
	if !ok {
		return nil, fs.ErrNotExist
	}
	listing, err := f.tree.List(relative)
	if err != nil {
		return nil, err
	}
	names := make([]string, 0, len(listing.Entries))
	for _, entry := range listing.Entries {
		names = append(names, entry.Name)
	}
	return names, nil
}

// Glob: the last element may be a pattern.
func (f *repositoryFiles) Glob(pattern string) ([]string, error) {
	dir, last := path.Split(pattern)
	names, err := f.ReadDir(dir)
	if err != nil {
		return nil, nil
	}
	var found []string
	for _, name := range names {
		if matches, err := path.Match(last, name); err != nil {
			return nil, err
		} else if matches {
			found = append(found, path.Join(dir, name))
		}
	}
	return found, nil
}

// Walk is only used by Kustomize's commands.
func (f *repositoryFiles) Walk(string, filepath.WalkFunc) error { return errReadOnly }
