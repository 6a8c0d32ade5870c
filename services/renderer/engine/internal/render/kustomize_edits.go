package render

import (
	"encoding/json"
	"maps"
	"path"
	"strconv"
	"strings"

	"plumbline.dev/renderer/engine/internal/tree"
	"sigs.k8s.io/kustomize/api/types"
)

// edit applies the application's options in Argo CD's order and says whether there were any.
func (r *run) edit(k *types.Kustomization) (bool, error) {
	options := r.source.Kustomize
	before, err := json.Marshal(k)
	if err != nil {
		return false, err
	}
	if options.NamePrefix != "" {
		k.NamePrefix = options.NamePrefix
	}
	if options.NameSuffix != "" {
		k.NameSuffix = options.NameSuffix
	}
	for _, image := range options.Images {
		setImage(k, parseImage(r.environment.expand(image)))
	}
	for _, replica := range options.Replicas {
		if err := setReplicas(k, replica); err != nil {
			return false, err
		}
	}
	if err := r.setLabels(k, options); err != nil {
		return false, err
	}
	if err := r.setAnnotations(k, options); err != nil {
		return false, err
	}
	if options.Namespace != "" {
		k.Namespace = options.Namespace
	}
	if err := addPatches(k, options.Patches); err != nil {
		return false, err
	}
	if err := r.addComponents(k, options); err != nil {
		return false, err
	}
	after, err := json.Marshal(k)
	return string(before) != string(after), err
}

// parseImage reads `name[=newName][:tag][@digest]`.
func parseImage(text string) types.Image {
	name, replacement, renamed := strings.Cut(text, "=")
	if !renamed {
		replacement = text
	}
	replacement, digest, _ := strings.Cut(replacement, "@")
	newName, tag := replacement, ""
	// A colon before the last slash belongs to the registry's port.
	if colon := strings.LastIndex(replacement, ":"); colon > strings.LastIndex(replacement, "/") {
		newName, tag = replacement[:colon], replacement[colon+1:]
	}
	image := types.Image{Name: name, NewTag: tag, Digest: digest}
	if renamed {
		image.NewName = newName
	} else {
		image.Name = newName
	}
	return image
}

// setImage replaces what the kustomization says about the same image; what the option leaves open stays.
func setImage(k *types.Kustomization, image types.Image) {
	for i, existing := range k.Images {
		if existing.Name != image.Name {
			continue
		}
		if image.NewName == "" {
			image.NewName = existing.NewName
		}
		if image.NewTag == "" && image.Digest == "" {
			image.NewTag, image.Digest = existing.NewTag, existing.Digest
		}
		k.Images[i] = image
		return
	}
	k.Images = append(k.Images, image)
}

func setReplicas(k *types.Kustomization, wanted KustomizeCount) error {
	var count int64
	var err error
	switch value := wanted.Count.(type) {
	case float64:
		count = int64(value)
	case string:
		count, err = strconv.ParseInt(value, 10, 64)
	}
	if err != nil || count < 0 {
		return failed(codeInvalid, "spec.source.kustomize.replicas: the count of %s is not a number", wanted.Name)
	}
	replica := types.Replica{Name: wanted.Name, Count: count}
	for i, existing := range k.Replicas {
		if existing.Name == wanted.Name {
			k.Replicas[i] = replica
			return nil
		}
	}
	k.Replicas = append(k.Replicas, replica)
	return nil
}

func (r *run) setLabels(k *types.Kustomization, options *KustomizeSource) error {
	if len(options.CommonLabels) == 0 {
		return nil
	}
	labels := map[string]string{}
	for name, value := range options.CommonLabels {
		labels[name] = r.environment.expand(value)
	}
	existing := map[string]string{}
	maps.Copy(existing, k.CommonLabels)
	for _, group := range k.Labels {
		maps.Copy(existing, group.Pairs)
	}
	if failure := conflict("commonLabels", "forceCommonLabels", existing, labels, options.ForceCommonLabels); failure != nil {
		return failure
	}
	for name := range labels {
		delete(k.CommonLabels, name)
		for _, group := range k.Labels {
			delete(group.Pairs, name)
		}
	}
	if !options.LabelWithoutSelector {
		k.CommonLabels = withAll(k.CommonLabels, labels)
		return nil
	}
	k.Labels = append(k.Labels, types.Label{Pairs: labels, IncludeTemplates: options.LabelIncludeTemplates})
	return nil
}

func (r *run) setAnnotations(k *types.Kustomization, options *KustomizeSource) error {
	annotations := map[string]string{}
	for name, value := range options.CommonAnnotations {
		if options.CommonAnnotationsEnvsubst {
			value = r.environment.expand(value)
		}
		annotations[name] = value
	}
	if failure := conflict("commonAnnotations", "forceCommonAnnotations", k.CommonAnnotations, annotations, options.ForceCommonAnnotations); failure != nil {
		return failure
	}
	if len(annotations) > 0 {
		k.CommonAnnotations = withAll(k.CommonAnnotations, annotations)
	}
	return nil
}

// conflict: `kustomize edit add` refuses what is already there unless forced.
func conflict(field, force string, existing, added map[string]string, forced bool) *Failure {
	if forced {
		return nil
	}
	for _, name := range sortedKeys(added) {
		if _, exists := existing[name]; exists {
			return failed(codeInvalid, "spec.source.kustomize.%s: %s is already set by the kustomization: set %s to replace it", field, name, force)
		}
	}
	return nil
}

func withAll(below, above map[string]string) map[string]string {
	merged := maps.Clone(below)
	if merged == nil {
		merged = map[string]string{}
	}
	maps.Copy(merged, above)
	return merged
}

// addPatches: the option has the form of the kustomization's own field.
func addPatches(k *types.Kustomization, patches json.RawMessage) error {
	if len(patches) == 0 {
		return nil
	}
	var added []types.Patch
	if err := json.Unmarshal(patches, &added); err != nil {
		return failed(codeInvalid, "spec.source.kustomize.patches: %s", sourceProblem(err))
	}
	k.Patches = append(k.Patches, added...)
	return nil
}

func (r *run) addComponents(k *types.Kustomization, options *KustomizeSource) error {
	for _, component := range options.Components {
		if options.IgnoreMissingComponents {
			node, err := r.tree.Read(path.Join(r.path, component))
			if err != nil {
				return err
			}
			if node.Kind != tree.Directory {
				continue
			}
		}
		k.Components = append(k.Components, component)
	}
	return nil
}
