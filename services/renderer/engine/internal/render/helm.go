package render

import (
	"bytes"
	"io/fs"
	"path"
	"regexp"
	"strconv"
	"strings"
	"time"

	"helm.sh/helm/v3/pkg/chart"
	"helm.sh/helm/v3/pkg/chart/loader"
	"helm.sh/helm/v3/pkg/chartutil"
	"helm.sh/helm/v3/pkg/engine"
	"helm.sh/helm/v3/pkg/ignore"
	"helm.sh/helm/v3/pkg/release"
	"helm.sh/helm/v3/pkg/releaseutil"
	"plumbline.dev/renderer/engine/internal/tree"
	"sigs.k8s.io/yaml"
)

// renderHelm does what `helm template --include-crds` does, hooks included, without a cluster: lookup finds nothing,
// getHostByName answers nothing.
func (r *run) renderHelm() error {
	options := r.source.Helm
	if options == nil {
		options = &HelmSource{}
	}
	files, err := r.chartFiles()
	if err != nil {
		return err
	}
	loaded, err := loader.LoadFiles(files)
	if err != nil {
		return r.chartFailure(err)
	}
	if err := checkInstallable(r.path, loaded); err != nil {
		return err
	}
	values, err := r.helmValues(options)
	if err != nil {
		return err
	}
	r.capabilitiesUsed = mentionCapabilities(loaded, values)
	rendered, err := r.executeChart(loaded, values, options)
	if err != nil {
		return err
	}
	return r.addRendered(loaded, rendered, options)
}

// chartFiles reads everything of the chart that .helmignore doesn't name.
func (r *run) chartFiles() ([]*loader.BufferedFile, error) {
	ignoreFile, err := r.tree.Read(path.Join(r.path, ignore.HelmIgnore))
	if err != nil {
		return nil, err
	}
	rules := ignore.Empty()
	if ignoreFile.Kind == tree.File {
		if rules, err = ignore.Parse(bytes.NewReader(ignoreFile.Bytes)); err != nil {
			return nil, failedAt(codeInvalid, path.Join(r.path, ignore.HelmIgnore), 0, "%v", err)
		}
	}
	rules.AddDefaults()
	paths, err := r.tree.Walk(r.path,
		func(relative string) bool { return !rules.Ignore(relative, fileInfo{name: relative, mode: fs.ModeDir}) },
		func(relative string) bool { return !rules.Ignore(relative, fileInfo{name: relative}) })
	if err != nil {
		return nil, err
	}
	if err := r.tree.Fetch(paths); err != nil {
		return nil, err
	}
	files := make([]*loader.BufferedFile, 0, len(paths))
	for _, file := range paths {
		node, err := r.tree.Read(file)
		if err != nil {
			return nil, err
		}
		name := file
		if r.path != "." {
			name = strings.TrimPrefix(file, r.path+"/")
		}
		files = append(files, &loader.BufferedFile{Name: name, Data: bytes.TrimPrefix(node.Bytes, byteOrderMark)})
	}
	return files, nil
}

var chartFileProblem = regexp.MustCompile(`cannot load ([\w.-]+)`)

// chartFailure names the chart's file that could not be loaded, with its line.
func (r *run) chartFailure(err error) *Failure {
	message, line := yamlProblem(err)
	if found := chartFileProblem.FindStringSubmatch(err.Error()); found != nil && !strings.Contains(err.Error(), "unpacking subchart") {
		return failedAt(codeInvalid, path.Join(r.path, found[1]), line, "%s", message)
	}
	return failedAt(codeInvalid, path.Join(r.path, "Chart.yaml"), 0, "the chart can't be loaded: %s", withoutValues(err.Error()))
}

func checkInstallable(chartPath string, loaded *chart.Chart) error {
	if loaded.Metadata.Type != "" && loaded.Metadata.Type != "application" {
		return failedAt(codeUnsupported, path.Join(chartPath, "Chart.yaml"), 0, "a chart of type %s renders nothing by itself", loaded.Metadata.Type)
	}
	present := map[string]bool{}
	for _, dependency := range loaded.Dependencies() {
		present[dependency.Name()] = true
	}
	var missing []string
	for _, wanted := range loaded.Metadata.Dependencies {
		if !present[wanted.Name] {
			missing = append(missing, strings.TrimSpace(wanted.Name+" "+wanted.Version))
		}
	}
	if len(missing) > 0 {
		return failedAt(codeUnsupported, path.Join(chartPath, "Chart.yaml"), 0,
			"dependencies are missing in %s: %s. Fetching them is repo-watcher's work, which this version does not do: vendor them (helm dependency update) and commit charts/",
			path.Join(chartPath, "charts"), strings.Join(missing, ", "))
	}
	return nil
}

// mentionCapabilities: whether the result can depend on the cluster's versions. The word stands wherever a template
// asks for them; the chart's own kubeVersion does, too.
func mentionCapabilities(loaded *chart.Chart, values map[string]any) bool {
	word := []byte("Capabilities")
	for _, file := range loaded.Raw {
		if bytes.Contains(file.Data, word) {
			return true
		}
	}
	if loaded.Metadata.KubeVersion != "" {
		return true
	}
	for _, dependency := range loaded.Dependencies() {
		if mentionCapabilities(dependency, nil) {
			return true
		}
	}
	text, err := yaml.Marshal(values)
	return err != nil || bytes.Contains(text, word)
}

func (r *run) executeChart(loaded *chart.Chart, values map[string]any, options *HelmSource) (map[string]string, error) {
	capabilities, err := r.capabilities(options)
	if err != nil {
		return nil, err
	}
	if err := chartutil.ProcessDependenciesWithMerge(loaded, values); err != nil {
		return nil, failedAt(codeRender, path.Join(r.path, "Chart.yaml"), 0, "%s", withoutValues(err.Error()))
	}
	wanted := loaded.Metadata.KubeVersion
	if wanted != "" && !chartutil.IsCompatibleRange(wanted, capabilities.KubeVersion.String()) {
		return nil, failedAt(codeRender, path.Join(r.path, "Chart.yaml"), 0, "the chart wants Kubernetes %s, the cluster is %s", wanted, capabilities.KubeVersion.String())
	}
	releaseName := options.ReleaseName
	if releaseName == "" {
		releaseName = r.environment.get(appName)
	}
	if err := chartutil.ValidateReleaseName(releaseName); err != nil {
		return nil, failed(codeInvalid, "release name %q: %v", releaseName, err)
	}
	namespace := options.Namespace
	if namespace == "" {
		namespace = r.environment.get(appNamespace)
	}
	about := chartutil.ReleaseOptions{Name: releaseName, Namespace: namespace, Revision: 1, IsInstall: true}
	top, err := chartutil.ToRenderValuesWithSchemaValidation(loaded, values, about, capabilities, true)
	if err != nil {
		return nil, failedAt(codeRender, r.path, 0, "%s", withoutValues(err.Error()))
	}
	if !options.SkipSchemaValidation {
		if failure := r.checkSchemas(loaded, top["Values"].(chartutil.Values)); failure != nil {
			return nil, failure
		}
	}
	var helm engine.Engine
	rendered, err := helm.Render(loaded, top)
	if err != nil {
		return nil, r.templateFailure(loaded.Name(), err)
	}
	return rendered, nil
}

func (r *run) capabilities(options *HelmSource) (*chartutil.Capabilities, error) {
	capabilities := chartutil.DefaultCapabilities.Copy()
	kubeVersion, apiVersions := r.request.KubeVersion, r.request.APIVersions
	if options.KubeVersion != "" {
		kubeVersion = options.KubeVersion
	}
	if len(options.APIVersions) > 0 {
		apiVersions = options.APIVersions
	}
	if kubeVersion != "" {
		version, err := chartutil.ParseKubeVersion(kubeVersion)
		if err != nil {
			return nil, failed(codeInvalid, "Kubernetes version %q: %v", kubeVersion, err)
		}
		// As Argo CD does: x.y.z, so that a provider's suffix (1.34.1-eks-…) doesn't count as a pre-release.
		version.Version, _, _ = strings.Cut(version.Version, "-")
		version.Version, _, _ = strings.Cut(version.Version, "+")
		capabilities.KubeVersion = *version
	}
	capabilities.APIVersions = append(capabilities.APIVersions, apiVersions...)
	return capabilities, nil
}

var templatePlace = regexp.MustCompile(`([^\s:()"]+):(\d+)(?::\d+)?`)

// templateFailure takes the innermost place in the chart out of a template error.
func (r *run) templateFailure(chartName string, err error) *Failure {
	message := withoutValues(err.Error())
	places := templatePlace.FindAllStringSubmatch(message, -1)
	for i := len(places) - 1; i >= 0; i-- {
		file, ok := r.chartFile(chartName, places[i][1])
		if !ok {
			continue
		}
		line, _ := strconv.Atoi(places[i][2])
		return failedAt(codeRender, file, line, "%s", message)
	}
	return failedAt(codeRender, r.path, 0, "%s", message)
}

// chartFile turns a template's name (chart/templates/x.yaml) into its path, if it lies in the repository as a file.
func (r *run) chartFile(chartName, template string) (string, bool) {
	relative, ok := strings.CutPrefix(template, chartName+"/")
	if !ok {
		return "", false
	}
	file := path.Join(r.path, relative)
	node, known := r.tree.Known(file)
	return file, known && node.Kind == tree.File
}

// addRendered adds the chart's objects in Helm's order: CRDs, manifests, hooks.
func (r *run) addRendered(loaded *chart.Chart, rendered map[string]string, options *HelmSource) error {
	for name := range rendered {
		if strings.HasSuffix(name, "NOTES.txt") {
			delete(rendered, name)
		}
	}
	hooks, manifests, err := releaseutil.SortManifests(rendered, nil, releaseutil.InstallOrder)
	if err != nil {
		return r.renderedFailure(loaded.Name(), rendered, err)
	}
	if !options.SkipCRDs {
		for _, crd := range loaded.CRDObjects() {
			if err := r.addTemplate(loaded.Name(), crd.Filename, crd.File.Data); err != nil {
				return err
			}
		}
	}
	for _, manifest := range manifests {
		if err := r.addTemplate(loaded.Name(), manifest.Name, []byte(manifest.Content)); err != nil {
			return err
		}
	}
	for _, hook := range hooks {
		if options.SkipTests && isTest(hook) {
			continue
		}
		if err := r.addTemplate(loaded.Name(), hook.Path, []byte(hook.Manifest)); err != nil {
			return err
		}
	}
	return nil
}

func isTest(hook *release.Hook) bool {
	for _, event := range hook.Events {
		if event == release.HookTest {
			return true
		}
	}
	return false
}

// addTemplate adds what a template made. Lines are those of the rendered text, so they are not the template's and stay
// in the message.
func (r *run) addTemplate(chartName, template string, text []byte) error {
	file, known := r.chartFile(chartName, template)
	if !known {
		file = template
	}
	for _, doc := range splitDocuments(text) {
		value, failure := parseYAML(file, doc)
		if failure == nil {
			source := file
			if !known {
				source = ""
			}
			failure = r.objects.add(value, place{file: file}, source)
		}
		if failure != nil {
			return asRendered(file, failure)
		}
	}
	return nil
}

// asRendered marks a failure as one of the text that a template made.
func asRendered(file string, failure *Failure) *Failure {
	message := strings.TrimPrefix(failure.Message, file+": ")
	if failure.Line > 0 {
		message = strings.TrimPrefix(failure.Message, file+":"+strconv.Itoa(failure.Line)+": ")
		message += " (line " + strconv.Itoa(failure.Line) + " of what the template made)"
	}
	return failedAt(failure.Code, file, 0, "%s", message)
}

// renderedFailure finds the rendered document that is no YAML.
func (r *run) renderedFailure(chartName string, rendered map[string]string, err error) error {
	for _, template := range sortedKeys(rendered) {
		if strings.HasPrefix(path.Base(template), "_") || !strings.Contains(err.Error(), template) {
			continue
		}
		file, known := r.chartFile(chartName, template)
		if !known {
			file = template
		}
		for _, doc := range splitDocuments([]byte(rendered[template])) {
			if _, failure := parseYAML(file, doc); failure != nil {
				return asRendered(file, failure)
			}
		}
	}
	return failedAt(codeInvalid, r.path, 0, "%s", withoutValues(err.Error()))
}

// fileInfo is as much of a file as .helmignore looks at.
type fileInfo struct {
	name string
	mode fs.FileMode
}

func (f fileInfo) Name() string       { return path.Base(f.name) }
func (f fileInfo) Size() int64        { return 0 }
func (f fileInfo) Mode() fs.FileMode  { return f.mode }
func (f fileInfo) ModTime() time.Time { return time.Time{} }
func (f fileInfo) IsDir() bool        { return f.mode.IsDir() }
func (f fileInfo) Sys() any           { return nil }
