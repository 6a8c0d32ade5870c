package render

import (
	"path"
	"regexp"
	"slices"
	"strings"

	"plumbline.dev/renderer/engine/internal/tree"
	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/api/resmap"
	"sigs.k8s.io/kustomize/api/types"
	"sigs.k8s.io/yaml"
)

const noRemote = "remote bases are fetched by repo-watcher, which this version does not do: vendor it"

var kustomizationNames = []string{"kustomization.yaml", "kustomization.yml", "Kustomization"}

// renderKustomize does what `kustomize build` does, with its default restrictions: bases may lie anywhere in the
// repository, other files only below their kustomization.
func (r *run) renderKustomize() error {
	files := &repositoryFiles{tree: r.tree, replaced: map[string][]byte{}}
	var remote *Failure
	files.inspect = func(file string, content []byte) error {
		if remote == nil && slices.Contains(kustomizationNames, path.Base(file)) {
			remote = remoteProblem(file, content)
		}
		if remote != nil {
			return remote
		}
		return nil
	}
	if r.source.Kustomize != nil {
		if err := r.editKustomization(files); err != nil {
			return err
		}
	}
	options := krusty.MakeDefaultOptions()
	options.PluginConfig = types.DisabledPluginConfig()
	resources, err := krusty.MakeKustomizer(options).Run(files, path.Join(mount, r.path))
	if remote != nil {
		return remote
	}
	if err != nil {
		return r.kustomizeFailure(err)
	}
	return r.addResources(resources)
}

func (r *run) addResources(resources resmap.ResMap) error {
	for _, resource := range resources.Resources() {
		text, err := resource.AsYAML()
		if err != nil {
			return err
		}
		for _, doc := range splitDocuments(text) {
			value, failure := parseYAML(r.path, doc)
			if failure == nil {
				failure = r.objects.add(value, place{file: r.path}, "")
			}
			if failure != nil {
				return failure
			}
		}
	}
	return nil
}

// remoteProblem finds what Kustomize would fetch, run or inflate.
func remoteProblem(file string, content []byte) *Failure {
	var kustomization types.Kustomization
	if err := kustomization.Unmarshal(content); err != nil {
		return nil // Kustomize itself will say it better.
	}
	if len(kustomization.HelmCharts)+len(kustomization.HelmChartInflationGenerator) > 0 {
		return failedAt(codeUnsupported, file, 0, "helmCharts are not inflated by this version: use a Helm source, or keep the rendered chart in the repository")
	}
	for _, entries := range [][]string{
		kustomization.Resources, kustomization.Bases, kustomization.Components, kustomization.Crds,
		kustomization.Configurations, kustomization.Generators, kustomization.Transformers, kustomization.Validators,
	} {
		for _, entry := range entries {
			if isRemote(entry) {
				return failedAt(codeUnsupported, file, lineOf(content, entry),
					"%s: %s", noRemote, withoutUserInfo(entry))
			}
		}
	}
	return nil
}

// userAtHost is how ssh names a repository: git@example.org:group/repository.
var userAtHost = regexp.MustCompile(`^[\w.-]+@[\w.-]+:`)

// isRemote: an address rather than a path. An entry with line breaks is inline YAML.
func isRemote(entry string) bool {
	if strings.Contains(entry, "\n") {
		return false
	}
	for _, start := range []string{"git::", "github.com/", "github.com:", "gitlab.com/", "bitbucket.org/"} {
		if strings.HasPrefix(entry, start) {
			return true
		}
	}
	return userAtHost.MatchString(entry) || strings.Contains(entry, "://") || strings.Contains(entry, "?ref=") || strings.Contains(entry, ".git//")
}

func withoutUserInfo(address string) string {
	scheme, rest, ok := strings.Cut(address, "://")
	if !ok {
		return address
	}
	host, tail, _ := strings.Cut(rest, "/")
	if at := strings.LastIndex(host, "@"); at >= 0 {
		host = host[at+1:]
	}
	return scheme + "://" + host + "/" + tail
}

// lineOf returns the line at which text first stands, 0 if it does not.
func lineOf(content []byte, text string) int {
	before, _, found := strings.Cut(string(content), text)
	if !found {
		return 0
	}
	return strings.Count(before, "\n") + 1
}

// kustomizeFailure looks for the file that is to blame: Kustomize's own message wraps every base around it.
func (r *run) kustomizeFailure(err error) error {
	if r.tree.Err() != nil {
		return r.tree.Err()
	}
	for _, file := range r.tree.FilesRead() {
		switch path.Ext(file) {
		case ".yaml", ".yml", ".json", "":
		default:
			continue
		}
		node, _ := r.tree.Known(file)
		if failure := unreadable(file, node); failure != nil {
			return failure
		}
	}
	message := strings.ReplaceAll(err.Error(), mount+"/", "")
	message = strings.ReplaceAll(message, mount, ".")
	if strings.Contains(message, "no 'git' program on path") || strings.Contains(message, neverFetches) {
		return failedAt(codeUnsupported, r.path, 0, "%s: %s", noRemote, message)
	}
	if strings.Contains(message, "unable to find one of 'kustomization.yaml'") {
		return failedAt(codeInvalid, r.path, 0, "%s", message)
	}
	return failedAt(codeRender, r.path, 0, "%s", withoutValues(message))
}

func unreadable(file string, node tree.Node) *Failure {
	isKustomization := slices.Contains(kustomizationNames, path.Base(file))
	if !isKustomization && !looksLikeManifest.Match(node.Bytes) {
		return nil
	}
	for _, doc := range splitDocuments(node.Bytes) {
		if _, failure := parseYAML(file, doc); failure != nil {
			return failure
		}
	}
	if isKustomization {
		var kustomization types.Kustomization
		if err := kustomization.Unmarshal(node.Bytes); err != nil {
			return failedAt(codeInvalid, file, 0, "%s", withoutValues(err.Error()))
		}
	}
	return nil
}

// editKustomization applies the application's options to its kustomization as `kustomize edit` would.
func (r *run) editKustomization(files *repositoryFiles) error {
	name, content, err := r.findKustomization()
	if err != nil || name == "" {
		return err // A missing kustomization is reported by the build.
	}
	var kustomization types.Kustomization
	if err := kustomization.Unmarshal(content); err != nil {
		return r.kustomizeFailure(err)
	}
	kustomization.FixKustomization()
	changed, err := r.edit(&kustomization)
	if err != nil || !changed {
		return err
	}
	text, err := yaml.Marshal(kustomization)
	if err != nil {
		return err
	}
	files.replaced[name] = text
	return nil
}

func (r *run) findKustomization() (string, []byte, error) {
	for _, base := range kustomizationNames {
		name := path.Join(r.path, base)
		node, err := r.tree.Read(name)
		if err != nil {
			return "", nil, err
		}
		if node.Kind == tree.File {
			return name, node.Bytes, nil
		}
	}
	return "", nil, nil
}
