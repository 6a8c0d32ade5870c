package render

import "testing"

// The overlay of the tutorial that the project is measured by: bases, patchesStrategicMerge, images, configMapGenerator,
// commonLabels.
const tutorial = `== base/deployment.yaml
apiVersion: apps/v1
kind: Deployment
metadata:
  name: myapp
spec:
  replicas: 1
  selector:
    matchLabels:
      app: myapp
  template:
    metadata:
      labels:
        app: myapp
    spec:
      containers:
      - name: myapp
        image: myregistry/myapp:latest
        ports:
        - containerPort: 8080
== base/service.yaml
apiVersion: v1
kind: Service
metadata:
  name: myapp
spec:
  selector:
    app: myapp
  ports:
  - port: 80
== base/kustomization.yaml
apiVersion: kustomize.config.k8s.io/v1beta1
kind: Kustomization
resources:
- deployment.yaml
- service.yaml
commonLabels:
  version: v1
  managed-by: argocd
== environments/production/kustomization.yaml
apiVersion: kustomize.config.k8s.io/v1beta1
kind: Kustomization
bases:
- ../../base
resources:
- namespace.yaml
patchesStrategicMerge:
- deployment-patch.yaml
images:
- name: myregistry/myapp
  newTag: v1.2.3
configMapGenerator:
- name: app-config
  literals:
  - database_pool_size=10
  - log_level=warn
commonLabels:
  environment: production
  tier: web
== environments/production/namespace.yaml
apiVersion: v1
kind: Namespace
metadata:
  name: myapp-prod
== environments/production/deployment-patch.yaml
apiVersion: apps/v1
kind: Deployment
metadata:
  name: myapp
spec:
  replicas: 5
  template:
    spec:
      containers:
      - name: myapp
        env:
        - name: CONFIG
          valueFrom:
            configMapKeyRef: {name: app-config, key: log_level}
== unrelated/x.yaml
a: b
`

const production = "environments/production"

func TestTutorialOverlay(t *testing.T) {
	got := mustRender(t, tutorial, production, "{}")
	equal(t, "objects", got.names(), "Namespace/myapp-prod Deployment/myapp Service/myapp ConfigMap/app-config-8kfm48m9mb")
	equal(t, "replicas", got.at(t, "Deployment", "spec.replicas"), 5)
	equal(t, "image", got.at(t, "Deployment", "spec.template.spec.containers.0.image"), "myregistry/myapp:v1.2.3")
	equal(t, "labels", got.at(t, "Deployment", "metadata.labels"), map[string]string{"environment": "production", "managed-by": "argocd", "tier": "web", "version": "v1"})
	equal(t, "selector", got.at(t, "Service", "spec.selector"), map[string]string{"app": "myapp", "environment": "production", "managed-by": "argocd", "tier": "web", "version": "v1"})
	equal(t, "reference", got.at(t, "Deployment", "spec.template.spec.containers.0.env.0.valueFrom.configMapKeyRef.name"), got.at(t, "ConfigMap", "metadata.name"))
	equal(t, "data", got.at(t, "ConfigMap", "data"), map[string]string{"database_pool_size": "10", "log_level": "warn"})
	if got.repo.read["unrelated/x.yaml"] {
		t.Error("a file that nothing names was read")
	}
}

func TestKustomizeOptions(t *testing.T) {
	got := mustRender(t, tutorial, production, `{"kustomize":{
		"namePrefix":"pre-","nameSuffix":"-post","namespace":"shop",
		"images":["myregistry/myapp=localhost:5000/app:$ARGOCD_APP_REVISION"],
		"replicas":[{"name":"myapp","count":"7"}],
		"commonLabels":{"tier":"$ARGOCD_APP_NAME","team":"a"},"forceCommonLabels":true,"labelWithoutSelector":true,"labelIncludeTemplates":true,
		"commonAnnotations":{"note":"$ARGOCD_APP_NAME"},
		"patches":[{"target":{"kind":"Service"},"patch":"- op: replace\n  path: /spec/ports/0/port\n  value: 81"}]}}`)
	equal(t, "objects", got.names(), "Namespace/shop Deployment/pre-myapp-post Service/pre-myapp-post ConfigMap/pre-app-config-post-8kfm48m9mb")
	equal(t, "image", got.at(t, "Deployment", "spec.template.spec.containers.0.image"), "localhost:5000/app:0123456789abcdef0123456789abcdef01234567")
	equal(t, "replicas", got.at(t, "Deployment", "spec.replicas"), 7)
	equal(t, "label", got.at(t, "Deployment", "metadata.labels.tier"), "shop")
	equal(t, "template label", got.at(t, "Deployment", "spec.template.metadata.labels.team"), "a")
	equal(t, "selector", got.at(t, "Deployment", "spec.selector.matchLabels.team"), nil)
	equal(t, "annotation", got.at(t, "Service", "metadata.annotations.note"), "$ARGOCD_APP_NAME")
	equal(t, "patch", got.at(t, "Service", "spec.ports.0.port"), 81)
	equal(t, "namespace", got.at(t, "Deployment", "metadata.namespace"), "shop")
	equal(t, "environment", got.EnvironmentUsed, []string{"ARGOCD_APP_NAME", "ARGOCD_APP_REVISION"})
}

func TestKustomizeVarsAndComponents(t *testing.T) {
	got := mustRender(t, `== app/kustomization.yaml
resources: [pod.yaml]
components: [../debug]
vars:
- name: POD
  objref: {kind: Pod, name: p, apiVersion: v1}
namePrefix: x-
== app/pod.yaml
apiVersion: v1
kind: Pod
metadata: {name: p}
spec:
  containers:
  - name: c
    image: i
    args: [--name=$(POD)]
== debug/kustomization.yaml
apiVersion: kustomize.config.k8s.io/v1alpha1
kind: Component
commonAnnotations: {debug: "on"}
`, "app", `{"kustomize":{"components":["../none"],"ignoreMissingComponents":true}}`)
	equal(t, "argument", got.at(t, "Pod", "spec.containers.0.args.0"), "--name=x-p")
	equal(t, "annotation", got.at(t, "Pod", "metadata.annotations.debug"), "on")
}

func TestKustomizeFailures(t *testing.T) {
	cases := []struct {
		name, fixture, source, code, message string
	}{
		{"remote base", "== app/kustomization.yaml\nresources:\n- https://user:word@example.org/r//base?ref=v1\n", "{}", codeUnsupported, "app/kustomization.yaml:2: remote bases are fetched by repo-watcher, which this version does not do: vendor it: https://example.org/r//base?ref=v1"},
		{"remote base below a base", "== app/kustomization.yaml\nresources: [../base]\n== base/kustomization.yaml\nbases:\n- github.com/org/r//base\n", "{}", codeUnsupported, "base/kustomization.yaml:2: remote bases are fetched by repo-watcher, which this version does not do: vendor it: github.com/org/r//base"},
		{"syntax error in a resource", "== app/kustomization.yaml\nresources: [../base]\n== base/kustomization.yaml\nresources: [a.yaml]\n== base/a.yaml\n" + cm + "a\n---\nkind: X\n\tname: b\n", "{}", codeInvalid, "base/a.yaml:7: not valid YAML: found a tab character that violates indentation"},
		{"syntax error in the kustomization", "== app/kustomization.yaml\nresources:\n- a\n b: c\n", "{}", codeInvalid, "app/kustomization.yaml:3: not valid YAML: mapping values are not allowed in this context"},
		{"unknown field", "== app/kustomization.yaml\nresourcez: []\n", "{}", codeInvalid, `app/kustomization.yaml: invalid Kustomization: json: unknown field "resourcez"`},
		{"remote base by ssh", "== app/kustomization.yaml\nresources:\n- org-1@example.org:group/repo\n", "{}", codeUnsupported, "app/kustomization.yaml:2: remote bases are fetched by repo-watcher, which this version does not do: vendor it: org-1@example.org:group/repo"},
		{"remote patch, which Kustomize would fetch", "== app/kustomization.yaml\npatches: [{path: 'http://127.0.0.1:9/x.yaml'}]\n", "{}", codeUnsupported, ""},
		{"helm charts", "== app/kustomization.yaml\nhelmCharts: [{name: x}]\n", "{}", codeUnsupported, "app/kustomization.yaml: helmCharts are not inflated by this version: use a Helm source, or keep the rendered chart in the repository"},
		{"file outside its kustomization", "== app/kustomization.yaml\nresources: [../a.yaml]\n== a.yaml\n" + cm + "a", "{}", codeRender, "app: accumulating resources: accumulation err='accumulating resources from '../a.yaml': security; file 'a.yaml' is not in or below 'app'': must build at directory: 'a.yaml': file is not directory"},
		{"out of the repository", "== app/kustomization.yaml\nresources: [../../../etc/passwd]\n", "{}", codeRender, ""},
		{"label conflict", "== app/kustomization.yaml\ncommonLabels: {a: b}\n", `{"kustomize":{"commonLabels":{"a":"c"}}}`, codeInvalid, "spec.source.kustomize.commonLabels: a is already set by the kustomization: set forceCommonLabels to replace it"},
		{"nothing there", "== app/a.yaml\nx\n", `{"kustomize":{}}`, codeInvalid, ""},
		{"cycle", "== app/kustomization.yaml\nresources: [../b]\n== b/kustomization.yaml\nresources: [../app]\n", "{}", codeRender, ""},
		{"exec plugin", "== app/kustomization.yaml\ngenerators: [g.yaml]\n== app/g.yaml\napiVersion: v1\nkind: X\nmetadata:\n  name: a\n  annotations:\n    config.kubernetes.io/function: 'exec: {path: /bin/true}'\n", "{}", codeRender, ""},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			failure := mustFail(t, c.fixture, "app", c.source)
			t.Log(failure.Message)
			equal(t, "code", failure.Code, c.code)
			if c.message != "" {
				equal(t, "message", failure.Message, c.message)
			}
		})
	}
}

func TestParseImage(t *testing.T) {
	for text, want := range map[string][4]string{
		"nginx:1.27":                      {"nginx", "", "1.27", ""},
		"host:5000/nginx":                 {"host:5000/nginx", "", "", ""},
		"nginx=host:5000/nginx:2":         {"nginx", "host:5000/nginx", "2", ""},
		"nginx@sha256:abc":                {"nginx", "", "", "sha256:abc"},
		"nginx=other/nginx:1@sha256:abcd": {"nginx", "other/nginx", "1", "sha256:abcd"},
	} {
		image := parseImage(text)
		equal(t, text, [4]string{image.Name, image.NewName, image.NewTag, image.Digest}, want)
	}
}
