package render

import (
	"bytes"
	"errors"
	"path"
	"sort"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"helm.sh/helm/v3/pkg/chart"
	"helm.sh/helm/v3/pkg/strvals"
	"plumbline.dev/renderer/engine/internal/tree"
	"sigs.k8s.io/yaml"
)

// helmValues merges what the application says over the chart's own values, later over earlier: value files in order,
// values or valuesObject, parameters, forced strings, file parameters.
func (r *run) helmValues(options *HelmSource) (map[string]any, error) {
	values := map[string]any{}
	for _, name := range options.ValueFiles {
		layer, err := r.valueFile(name, options.IgnoreMissingValueFiles)
		if err != nil {
			return nil, err
		}
		values = mergeValues(values, layer)
	}
	inline := []byte(options.Values)
	if len(options.ValuesObject) > 0 && string(options.ValuesObject) != "null" {
		inline = options.ValuesObject
	}
	layer, failure := parseValues("spec.source.helm.values", inline)
	if failure != nil {
		return nil, failure
	}
	values = mergeValues(values, layer)
	for _, forced := range []bool{false, true} {
		for _, parameter := range options.Parameters {
			if parameter.ForceString != forced {
				continue
			}
			set := strvals.ParseInto
			if forced {
				set = strvals.ParseIntoString
			}
			if err := set(parameter.Name+"="+escapeCommas(r.environment.expand(parameter.Value)), values); err != nil {
				return nil, failed(codeInvalid, "spec.source.helm.parameters: %s can't be set (its name or value is not what --set takes)", parameter.Name)
			}
		}
	}
	return values, r.setFiles(options.FileParameters, values)
}

func (r *run) setFiles(parameters []FileParameter, values map[string]any) error {
	for _, parameter := range parameters {
		file, node, err := r.readBeside(r.environment.expand(parameter.Path))
		if err != nil {
			return err
		}
		if node.Kind != tree.File {
			return failedAt(codeInvalid, file, 0, "the file of the Helm file parameter %s does not exist", parameter.Name)
		}
		content := func([]rune) (any, error) { return string(node.Bytes), nil }
		if err := strvals.ParseIntoFile(parameter.Name+"=file", values, content); err != nil {
			return failed(codeInvalid, "spec.source.helm.fileParameters: %s can't be set", parameter.Name)
		}
	}
	return nil
}

func (r *run) valueFile(name string, mayBeMissing bool) (map[string]any, error) {
	expanded := r.environment.expand(name)
	if strings.Contains(expanded, "://") {
		return nil, failed(codeUnsupported, "spec.source.helm.valueFiles: %s: rendering never fetches: keep the file in the repository", expanded)
	}
	if r.isOtherSource(name) {
		return nil, failed(codeUnsupported, "spec.source.helm.valueFiles: %s: value files of another source are not supported by this version", name)
	}
	file, node, err := r.readBeside(expanded)
	if err != nil {
		return nil, err
	}
	if node.Kind != tree.File {
		if mayBeMissing {
			return nil, nil
		}
		return nil, failedAt(codeInvalid, file, 0, "the Helm values file does not exist (set ignoreMissingValueFiles if it may be missing)")
	}
	values, failure := parseValues(file, node.Bytes)
	if failure != nil {
		return nil, failure
	}
	return values, nil
}

// isOtherSource: `$ref/path` names a file of the source called ref.
func (r *run) isOtherSource(name string) bool {
	reference, isReference := strings.CutPrefix(name, "$")
	reference, _, hasPath := strings.Cut(reference, "/")
	_, isVariable := r.environment.values[strings.Trim(reference, "{}")]
	return isReference && hasPath && !isVariable
}

// readBeside reads a path relative to the application's, or to the repository's root with a leading slash.
func (r *run) readBeside(name string) (string, tree.Node, error) {
	file := path.Join(r.path, name)
	if strings.HasPrefix(name, "/") {
		file = strings.TrimPrefix(path.Clean(name), "/")
	}
	if file == ".." || strings.HasPrefix(file, "../") {
		return file, tree.Node{}, failed(codeInvalid, "%s leads out of the repository", name)
	}
	node, err := r.tree.Read(file)
	return file, node, err
}

func parseValues(file string, text []byte) (map[string]any, *Failure) {
	values := map[string]any{}
	if err := yaml.Unmarshal(text, &values); err != nil {
		message, line := yamlProblem(err)
		return nil, failedAt(codeInvalid, file, line, "%s", message)
	}
	return values, nil
}

// mergeValues puts one layer over another. Unlike in a merge patch a null stays: it removes the chart's default later.
func mergeValues(below, above map[string]any) map[string]any {
	merged := make(map[string]any, len(below)+len(above))
	for name, value := range below {
		merged[name] = value
	}
	for name, value := range above {
		upper, isMap := value.(map[string]any)
		if lower, ok := merged[name].(map[string]any); ok && isMap {
			merged[name] = mergeValues(lower, upper)
			continue
		}
		merged[name] = value
	}
	return merged
}

// escapeCommas keeps --set from taking a value apart; {a,b} is a list and stays.
func escapeCommas(value string) string {
	if strings.HasPrefix(value, "{") && strings.HasSuffix(value, "}") {
		return value
	}
	var escaped strings.Builder
	var previous rune
	for _, char := range value {
		if char == ',' && previous != '\\' {
			escaped.WriteByte('\\')
		}
		escaped.WriteRune(char)
		previous = char
	}
	return escaped.String()
}

// checkSchemas validates values as Helm does, but follows no reference out of the schema file: Helm's own check would
// open files and addresses that a chart names.
func (r *run) checkSchemas(loaded *chart.Chart, values map[string]any) *Failure {
	if loaded.Schema != nil {
		if problem := schemaProblem(loaded.Schema, values); problem != "" {
			return failedAt(codeRender, path.Join(r.path, "values.schema.json"), 0, "the values of chart %s don't meet its schema: %s", loaded.Name(), problem)
		}
	}
	for _, dependency := range loaded.Dependencies() {
		if own, ok := values[dependency.Name()].(map[string]any); ok {
			if failure := r.checkSchemas(dependency, own); failure != nil {
				return failure
			}
		}
	}
	return nil
}

type noReferences struct{}

func (noReferences) Load(url string) (any, error) {
	return nil, errors.New(url + " is outside the schema file, and rendering never fetches")
}

func schemaProblem(text []byte, values map[string]any) string {
	const address = "chart:///values.schema.json"
	schema, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		return "the schema is not valid JSON: " + err.Error()
	}
	compiler := jsonschema.NewCompiler()
	compiler.UseLoader(noReferences{})
	if err := compiler.AddResource(address, schema); err != nil {
		return err.Error()
	}
	compiled, err := compiler.Compile(address)
	if err != nil {
		return strings.ReplaceAll(err.Error(), address, "values.schema.json")
	}
	err = compiled.Validate(values)
	var invalid *jsonschema.ValidationError
	if errors.As(err, &invalid) {
		places := map[string]bool{}
		collectPlaces(invalid, places)
		return strings.Join(sortedKeys(places), ", ")
	}
	if err != nil {
		return err.Error()
	}
	return ""
}

// collectPlaces names where values break which rule, without the values: they may be secret.
func collectPlaces(problem *jsonschema.ValidationError, places map[string]bool) {
	if len(problem.Causes) == 0 {
		place := "/" + strings.Join(problem.InstanceLocation, "/")
		places[place+" breaks "+strings.Join(problem.ErrorKind.KeywordPath(), "/")] = true
	}
	for _, cause := range problem.Causes {
		collectPlaces(cause, places)
	}
}

func sortedKeys[V any](values map[string]V) []string {
	keys := make([]string, 0, len(values))
	for key := range values {
		keys = append(keys, key)
	}
	sort.Strings(keys)
	return keys
}
