package render

import (
	"bytes"
	"path"
	"regexp"
	"strings"

	"github.com/gobwas/glob"
	"plumbline.dev/renderer/engine/internal/tree"
)

const skipMark = "+argocd:skip-file-rendering"

// renderDirectory takes every manifest file of the directory as it is.
func (r *run) renderDirectory() error {
	options := r.source.Directory
	if options == nil {
		options = &DirectorySource{}
	}
	include, err := compileGlob("directory.include", options.Include)
	if err != nil {
		return err
	}
	exclude, err := compileGlob("directory.exclude", options.Exclude)
	if err != nil {
		return err
	}
	files, err := r.tree.Walk(r.path,
		func(string) bool { return options.Recurse },
		func(relative string) bool {
			switch path.Ext(relative) {
			case ".yaml", ".yml", ".json", ".jsonnet":
			default:
				return false
			}
			if strings.HasPrefix(path.Base(relative), overrideFilePrefix) || path.Base(relative) == overrideFile {
				return false
			}
			return (exclude == nil || !exclude.Match(relative)) && (include == nil || include.Match(relative))
		})
	if err != nil {
		return err
	}
	for _, file := range files {
		if path.Ext(file) == ".jsonnet" {
			return failedAt(codeUnsupported, file, 0, "Jsonnet is not rendered by this version: name it in directory.exclude, or keep what it makes in the repository")
		}
	}
	if err := r.tree.Fetch(files); err != nil {
		return err
	}
	size := 0
	for _, file := range files {
		node, err := r.tree.Read(file)
		if err != nil {
			return err
		}
		if node.Kind != tree.File || bytes.Contains(node.Bytes, []byte(skipMark)) {
			continue
		}
		if size += len(node.Bytes); size > manifestBytesMax {
			return failed(codeTooLarge, "%s: the manifest files are over %d MiB together: split the application", r.path, manifestBytesMax>>20)
		}
		if failure := r.addFile(file, node.Bytes); failure != nil {
			return failure
		}
	}
	return nil
}

func compileGlob(field, pattern string) (glob.Glob, error) {
	if pattern == "" {
		return nil, nil
	}
	compiled, err := glob.Compile(pattern)
	if err != nil {
		return nil, failed(codeInvalid, "spec.source.%s: %v", field, err)
	}
	return compiled, nil
}

// looksLikeManifest decides whether a file that can't be read was meant as a manifest or is somebody's values file.
var looksLikeManifest = regexp.MustCompile(`(?m)^\s*"?(apiVersion|kind|metadata)"?\s*:`)

// looksLikeJSONManifest is the same for JSON, which may be all on one line.
var looksLikeJSONManifest = regexp.MustCompile(`"(apiVersion|kind|metadata)"\s*:`)

// addFile adds the objects of a file. Documents with neither apiVersion nor kind are something else and left alone.
func (r *run) addFile(file string, data []byte) *Failure {
	if path.Ext(file) == ".json" {
		return r.addJSON(file, data)
	}
	var unreadable *Failure
	before := len(r.objects.list)
	for _, doc := range splitDocuments(data) {
		value, failure := parseYAML(file, doc)
		if failure != nil {
			if unreadable == nil {
				unreadable = failure
			}
			continue
		}
		if isManifest(value) {
			if failure := r.objects.add(value, place{file, doc.line}, file); failure != nil {
				return failure
			}
		}
	}
	if unreadable != nil && (len(r.objects.list) > before || looksLikeManifest.Match(data)) {
		return unreadable
	}
	return nil
}

func (r *run) addJSON(file string, data []byte) *Failure {
	value, err := parseJSON(data)
	if err == nil {
		if !isManifest(value) {
			return nil
		}
		return r.objects.add(value, place{file, 1}, file)
	}
	if !looksLikeJSONManifest.Match(data) {
		return nil
	}
	return failedAt(codeInvalid, file, jsonLine(data, err), "not valid JSON: %v", err)
}

func isManifest(value any) bool {
	fields, ok := value.(map[string]any)
	if !ok {
		return false
	}
	return fields["apiVersion"] != nil || fields["kind"] != nil
}
